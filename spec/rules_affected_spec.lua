local affected = require("tagua.rules.affected")
local rules = require("spec.support.rules")

local SOURCE = [[
fields { a = integer, b = integer, city = text, tags = tagset }
tag "A" { when = function(user) return user.a > 0 end }
one_of "G" { { "High", function(user) return user.b > 5 end }, { "Low", otherwise } }
rule "r" { owns = { "R1", "R2" }, decide = function(user) return { R1 = user.a > 0, R2 = user.b > 0 } end }
tag "T" { when = function(user) return not user.tags["x"] end }
tag "C" { when = function() return days_since(0) > 1 end }
tag "Raises" { when = function(user) return user.city.x.y == 1 end }
]]

local LINES = { '{"id":"U1","a":1,"b":9,"city":"x"}', '{"id":"U2","a":0,"city":"y"}' }

describe("rules whose fields did not move", function()
  local pool, ruleset

  before_each(function()
    pool = rules.pool()
    ruleset = assert(pool:load({ source = SOURCE, name = "rules.lua" }))
    assert(pool:input({ format = "jsonl", at = rules.NOON }))
  end)

  after_each(function()
    pool:close()
  end)

  local function decide(asleep)
    local given, wants = false, {}
    local next_block = pool:decide(function()
      if given then return nil end
      given = true
      return table.concat(LINES, "\n") .. "\n", 1, {}
    end, asleep)
    local block = assert(next_block())
    for i = 1, block.n do
      wants[i] = block.ids[i] .. " " .. block.wants[i]
    end
    return wants, block
  end

  it("are not run, and their tags are left alone", function()
    assert.same({ "U1 ++-++?+!", "U2 -?????+!" }, (decide()))
    local wants, block = decide({ 2, 4, 6 })
    assert.same({ "U1 +..++.+.", "U2 -..??.+." }, wants)
    assert.equal(0, #block.failures)
    assert.same({ "U1 ++-++?+!", "U2 -?????+!" }, (decide({})))
    assert.same({ "U1 ........", "U2 ........" }, (decide({ 1, 2, 3, 4, 5, 6 })))
  end)

  it("are run again by whoever asks one of them next", function()
    decide({ 1, 2, 3, 4, 5, 6 })
    local answers = assert(pool:ask({ rule = 1, at = rules.NOON, records = { { values = { a = 1 }, states = {} } } }))
    assert.equal("+", answers[1].wants)
  end)

  it("are known by what their code names", function()
    local asleep_for = affected.new(ruleset.fields, assert(pool:reads()))
    assert.is_nil(asleep_for(nil))
    assert.same({ 2, 5, 6 }, (asleep_for({ "a" })))
    assert.same({ 5, 6 }, (asleep_for({ "a", "b" })))
    assert.same({ 1, 2, 3, 5 }, (asleep_for({ "city" })))
    assert.same({ 1, 2, 3, 5, 6 }, (asleep_for({}))) -- the tags may be others: who reads them is always asked
  end)

  it("need nobody where no rule reads what moved", function()
    local reads = { { "a" }, { "a", "b" } }
    local fields = { { name = "a", type = "integer" }, { name = "b", type = "integer" }, { name = "c", type = "text" } }
    local asleep_for = affected.new(fields, reads)
    assert.same({ { 1, 2 }, true }, { asleep_for({ "c" }) })
    assert.same({ { 1 }, false }, { asleep_for({ "b" }) })
    assert.same({}, { asleep_for({ "a", "c" }) })
  end)
end)
