local rules = require("spec.support.rules")

local RULES = [[
fields { orders = integer { if_empty = 0 }, spend = number, last_order = date, city = text, tags = tagset }
tag "VIP" { when = function(user) return user.orders >= 10 end }
tag "Dormant" { when = function(user) return days_since(user.last_order) > 90 end }
one_of "Tier" { { "Gold", function(user) return user.spend >= 50000 end }, { "Bronze", otherwise } }
rule "regional" { owns = { "North" }, decide = function(user) return { North = user.city == "台北" } end }
tag "Reached" { when = function(user) return not user.tags["Blocked"] end }
tag "Broken" { when = function(user) if user.orders == 99 then error("out of order") end return leave end }
]]

local function test(body)
  return rules.test(RULES .. body)[1]
end

local function rejection(body)
  return rules.rejection(RULES .. body)
end

describe("a test block", function()
  it("passes where the rules decide as expected", function()
    local result = test([[
      test "ten orders make a VIP" {
        user = { orders = 10, spend = 0, last_order = "2026-01-01" },
        at = "2026-11-21 09:00",
        expect = { VIP = true, Dormant = true, Tier = "Bronze", North = leave },
      }]])
    assert.equal("ten orders make a VIP", result.name)
    assert.equal(8, result.line)
    assert.is_true(result.ok)
    assert.is_nil(result.message)
    assert.same({ name = "North", expected = "leave", actual = "unknown (city has no value)", ok = true }, result.tags[2])
  end)

  it("shows what was expected and what came, tag by tag", function()
    local result = test('test "t" { user = { orders = 9, spend = 60000 }, expect = { VIP = true, Tier = "Bronze" } }')
    assert.is_false(result.ok)
    assert.equal('Tier: expected "Bronze", got "Gold"\nVIP: expected true, got false', result.message)
    assert.equal(8, result.line)
  end)

  it("shows which field kept a rule from deciding", function()
    local result = test('test "t" { user = { }, expect = { North = true } }')
    assert.equal("North: expected true, got unknown (city has no value)", result.message)
  end)

  it("shows why a rule failed, with its line", function()
    local result = test('test "t" { user = { orders = 99 }, expect = { Broken = true } }')
    assert.equal("Broken: expected true, got failed: rules.lua:7: out of order", result.message)
  end)

  it("takes a tag that can't be decided as one that is left alone", function()
    assert.is_true(test('test "t" { user = { }, expect = { North = leave, Broken = leave } }').ok)
  end)

  it("does not take a rule that failed as one that leaves its tags alone", function()
    assert.is_false(test('test "t" { user = { orders = 99 }, expect = { Broken = leave } }').ok)
  end)

  it("takes false for a one_of of which nobody wins", function()
    local source = [[
      one_of "G" { { "A", function() return false end } }
      test "none" { user = {}, expect = { G = false } }
      test "some" { user = {}, expect = { G = "A" } }
    ]]
    local results = rules.test(source)
    assert.is_true(results[1].ok)
    assert.equal('G: expected "A", got false', results[2].message)
  end)

  it("gives a user the tags that the platform has on it", function()
    assert.is_true(test('test "t" { user = { tags = { "Blocked" } }, expect = { Reached = false } }').ok)
    assert.is_true(test('test "t" { user = { tags = { "VIP" } }, expect = { Reached = true } }').ok)
    assert.is_true(test('test "t" { user = { tags = { Blocked = true } }, expect = { Reached = false } }').ok)
  end)

  it("has a field that the user does not name without a value", function()
    assert.is_true(test('test "t" { user = { }, expect = { VIP = false, Dormant = leave } }').ok)
  end)

  it("runs at its own time, or at the one it is given", function()
    local source = [[
      tag "T" { when = function() return now() == time "2026-11-11 08:00" end }
      test "own" { user = {}, at = "2026-11-11 08:00", expect = { T = true } }
      test "other" { user = {}, expect = { T = true } }
    ]]
    local results = rules.test(source, 1794355200)
    assert.is_true(results[1].ok)
    assert.is_true(results[2].ok)
    assert.is_false(rules.test(source, 1794355201)[2].ok)
  end)

  it("may be written before the rules that it tests", function()
    assert.is_true(rules.test([[
      test "t" { user = {}, expect = { T = true } }
      tag "T" { when = function() return true end }
    ]])[1].ok)
  end)

  it("keeps nothing from one test to the next", function()
    local results = rules.test([[
      fields { city = text }
      tag "T" { when = function(user) return user.city == "x" end }
      test "one" { user = { city = "x" }, expect = { T = true } }
      test "two" { user = { }, expect = { T = leave } }
    ]])
    assert.is_true(results[2].ok)
  end)

  it("is counted", function()
    assert.equal(1, rules.load(RULES .. 'test "t" { user = {}, expect = {} }').tests)
  end)

  it("ends where a rule loops, and tells", function()
    local pool <close> = rules.pool({ seconds = 0.1 })
    assert(pool:load({ source = [[
      tag "T" { when = function() while true do end end }
      tag "U" { when = function() return true end }
      test "t" { user = {}, expect = { T = true, U = true } }
    ]], name = "rules.lua" }))
    local results = assert(pool:test({ at = 0 }))
    assert.equal("T: expected true, got failed: rules.lua:1: tag 'T' ran out of time: it took more than 0.1 s",
      results[1].message)
  end)

  describe("that is wrong", function()
    local cases = {
      { "names a field that is not declared", '{ user = { order = 1 }, expect = {} }',
        "rules.lua:8: test 't': user has the field 'order', which fields { } does not declare (did you mean 'orders'?)" },
      { "gives a field a value of another type", '{ user = { orders = "1" }, expect = {} }',
        "test 't': user: field 'orders' is an integer, got '1'" },
      { "gives a text without quotes", "{ user = { city = 5 }, expect = {} }",
        "user: field 'city' is text: write it in quotes, got 5" },
      { "gives a date that is none", '{ user = { last_order = "soon" }, expect = {} }',
        "user: field 'last_order' is a date: 'soon' is not a date" },
      { "expects a tag that no rule owns", "{ user = {}, expect = { Vip = true } }",
        "test 't': expect names 'Vip', which no rule owns (did you mean 'VIP'?)" },
      { "expects a member that the group does not have", '{ user = {}, expect = { Tier = "Golden" } }',
        "expect: the one_of 'Tier' is one of its members (Gold, Bronze), false or leave; got 'Golden' (did you mean 'Gold'?)" },
      { "expects a group to be true", "{ user = {}, expect = { Tier = true } }",
        "expect: the one_of 'Tier' is one of its members (Gold, Bronze), false or leave; got true" },
      { "expects a tag to be a text", '{ user = {}, expect = { VIP = "yes" } }',
        "expect: the tag 'VIP' is true, false or leave; got 'yes'" },
      { "has a time that is none", '{ user = {}, at = "noon", expect = {} }', "test 't': option 'at': 'noon' is not a date" },
      { "lacks its user", "{ expect = {} }", "test 't': option 'user' is missing" },
      { "lacks what it expects", "{ user = {} }", "test 't': option 'expect' is missing" },
      { "has an option that is not known", "{ user = {}, expects = {} }",
        "test 't': unknown option 'expects' (did you mean 'expect'?)" },
    }
    for _, case in ipairs(cases) do
      it("is rejected where it " .. case[1], function()
        assert.matches(case[3], rejection('test "t" ' .. case[2]), 1, true)
      end)
    end
  end)
end)
