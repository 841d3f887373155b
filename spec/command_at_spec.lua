local command = require("spec.support.command")
local json = require("tagua.json")

local RULES = [[
timezone "%s"
fields { last_order = date }
tag "Dormant" { when = function(user) return days_since(user.last_order) > 90 end }
test "at the moment that is given" { user = { last_order = "2026-08-01" }, expect = { Dormant = %s } }
]]

describe("a clock that can be set", function()
  local place
  before_each(function()
    place = command.place()
    place:write("users.csv", "id,last_order\nU1,2026-08-01\nU2,2026-10-01\n")
  end)
  after_each(function() place:close() end)

  local function rules(expected, zone)
    place:write("rules.lua", RULES:format(zone or "Asia/Taipei", tostring(expected)))
  end

  local function on(at)
    local code, out, err = place:run("plan rules.lua --users users.csv --skip-tests --json --at '" .. at .. "'")
    assert.equal(0, code, err)
    return json.decode(out).tags[1].on
  end

  it("is what the tests of check take for now", function()
    rules(true)
    assert.equal(0, (place:run("check rules.lua --at '2026-10-31'")))
    assert.equal(3, (place:run("check rules.lua --at '2026-10-30 23:59:59'")))
  end)

  it("is what the rules of a plan take for now", function()
    rules(false)
    assert.equal(0, on("2026-10-30 23:59"))
    assert.equal(1, on("2026-10-31 00:00"))
    assert.equal(2, on("2027-01-01"))
  end)

  it("is what the tests before a plan take for now", function()
    rules(false)
    assert.equal(3, (place:run("plan rules.lua --users users.csv --at 2026-12-01")))
  end)

  it("is read in the zone of the rules", function()
    rules(false, "America/New_York")
    assert.equal(0, on("2026-10-30 23:59"))
    assert.equal(1, on("2026-10-31 00:00"))
    assert.equal(0, on("2026-10-31T03:59:59Z"))
    assert.equal(1, on("2026-10-31T04:00:00Z"))
  end)

  it("says how a moment is written", function()
    rules(true)
    local code, _, err = place:run("check rules.lua --at tomorrow")
    assert.equal(2, code)
    assert.equal("tagua: --at: 'tomorrow' is not a date; write it as 2026-11-21 or 2026-11-21 09:30\n", err)
  end)

  it("is no option of apply, which changes users now", function()
    rules(true)
    local code, _, err = place:run("apply rules.lua --users users.csv --yes --at 2026-11-11")
    assert.equal(2, code)
    assert.matches("unknown option '--at'", err, 1, true)
  end)
end)
