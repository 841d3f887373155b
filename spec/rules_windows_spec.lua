local core = require("tagua.core")
local loader = require("tagua.rules")
local windows = require("tagua.rules.windows")

-- A ruleset with one tag that everybody should have, in a zone.
local function load(zone, options, more)
  return assert(loader.load({ name = "rules.lua", source = ('timezone "%s"\ntag "T" { when = function() return true end, %s }\n%s'):format(
    zone, options, more or "") }))
end

-- What the ruleset wants at a local time.
local function want(ruleset, when)
  local zone = assert(core.zone.open(ruleset.zone))
  return (ruleset:decide({}, assert(zone:parse(when)))).T
end

describe("a tag with a start and an end", function()
  it("is left alone before it starts and wanted of nobody from its end on, to the second", function()
    local rules = load("Asia/Taipei", 'starts = "2026-11-01", ends = "2026-12-01"')
    assert.is_nil(want(rules, "2026-10-31 23:59:59"))
    assert.is_true(want(rules, "2026-11-01 00:00:00"))
    assert.is_true(want(rules, "2026-11-30 23:59:59"))
    assert.is_false(want(rules, "2026-12-01 00:00:00"))
  end)

  it("begins and ends at the midnight of its zone, also on the days when the clock changes", function()
    local utc = assert(core.zone.open("UTC"))
    local rules = load("America/New_York", 'starts = "2026-03-08", ends = "2026-11-01"')
    assert.equal("2026-03-08 05:00:00", utc:format(rules.tags[1].starts)) -- before the clock goes forward
    assert.equal("2026-11-01 04:00:00", utc:format(rules.tags[1].ends)) -- before it goes back
    assert.is_true(want(rules, "2026-10-31 23:59:59"))
    assert.is_false(want(rules, "2026-11-01 00:00:00"))
    rules = load("America/New_York", 'ends = "2026-11-02"')
    assert.equal("2026-11-02 05:00:00", utc:format(rules.tags[1].ends)) -- a day of 25 hours later
  end)

  it("is so in the tests of the rule file", function()
    local rules = load("Asia/Taipei", 'starts = "2026-11-01", ends = "2026-11-14"', [[
      test "before" { user = {}, at = "2026-10-31 23:59", expect = { T = leave } }
      test "meanwhile" { user = {}, at = "2026-11-13 23:59", expect = { T = true } }
      test "after" { user = {}, at = "2026-11-14", expect = { T = false } }
    ]])
    for _, result in ipairs(rules:test(0)) do
      assert.is_true(result.ok, result.message)
    end
  end)

  it("counts for itself alone", function()
    local tags = { {}, { starts = 100 }, { ends = 100 } }
    assert.equal("+.+", windows.apply(tags, "+++", 99))
    assert.equal("++-", windows.apply(tags, "+++", 100))
    assert.equal("!?-", windows.apply(tags, "!?!", 100))
  end)
end)
