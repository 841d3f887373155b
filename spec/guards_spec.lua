local guards = require("tagua.guards")
local options = require("tagua.options")

-- A plan with one tag, in the numbers that guards look at.
local function plan(fields)
  local base = { tags = {}, operations = 0, calls = 0, per_second = 10, records = { read = 1000 } }
  for key, value in pairs(fields) do
    base[key] = value
  end
  return base
end

local function tag(holders, on, off)
  return plan({ tags = { { name = "VIP", holders = holders, on = on, off = off } }, operations = on + off })
end

local function refused(of_plan, limits, last)
  local names = {}
  for i, refusal in ipairs(guards.check(of_plan, guards.limits(limits), last)) do
    names[i] = refusal.guard
  end
  return table.concat(names, " ")
end

describe("a guard", function()
  it("refuses that more than 30% and more than 10 of a tag's holders lose it", function()
    assert.equal("losses", refused(tag(1000, 0, 301)))
    assert.equal("", refused(tag(1000, 0, 300)))
    assert.equal("", refused(tag(10, 0, 10)))
    assert.equal("losses", refused(tag(11, 0, 11)))
    assert.equal("losses", refused(tag(1000, 500, 301)))
  end)

  it("refuses that the holders of a tag more than double, from 100 on", function()
    assert.equal("growth", refused(tag(100, 101, 0)))
    assert.equal("", refused(tag(100, 100, 0)))
    assert.equal("", refused(tag(100, 111, 11)))
    assert.equal("", refused(tag(99, 5000, 0)))
    assert.equal("", refused(tag(0, 5000, 0)))
  end)

  it("does not take for losses, or for growth, what an undo takes back", function()
    local undo = tag(1000, 0, 1000)
    undo.takes_back = true
    assert.equal("", refused(undo))
    undo = tag(100, 5000, 0)
    undo.takes_back = true
    assert.equal("", refused(undo))
    assert.equal("operations", refused(undo, { max_operations = 10 }))
  end)

  it("refuses an input without a record, or with less than half of the last run's", function()
    assert.equal("input", refused(plan({ records = { read = 0 } })))
    assert.equal("input", refused(plan({ records = { read = 499 } }), nil, 1000))
    assert.equal("", refused(plan({ records = { read = 500 } }), nil, 1000))
    assert.equal("", refused(plan({ records = { read = 1 } })))
  end)

  it("refuses more operations, minutes and money than were set", function()
    local big = plan({ operations = 6001, calls = 6001, money = 50.5 })
    assert.equal("", refused(big))
    assert.equal("operations", refused(big, { max_operations = 6000 }))
    assert.equal("minutes", refused(big, { max_minutes = 10 }))
    assert.equal("", refused(big, { max_minutes = 10.1 }))
    assert.equal("cost", refused(big, { max_cost = 50 }))
    assert.equal("", refused(plan({ operations = 1 }), { max_cost = 50 }))
  end)

  it("takes its bounds from the rule file, then from the connection, then from the defaults", function()
    local limits = guards.limits({ loss_share = 0.9 }, { loss_share = 0.1, growth = 3 })
    assert.equal(0.9, limits.loss_share)
    assert.equal(3, limits.growth)
    assert.equal(10, limits.loss_users)
  end)

  it("can be switched off by its own bound", function()
    assert.equal("", refused(tag(1000, 0, 1000), { loss_share = false }))
    assert.equal("", refused(tag(1000, 9000, 0), { growth = false }))
    assert.equal("", refused(plan({ records = { read = 0 } }), { input_share = false }))
  end)

  it("names itself, the numbers and how to override it", function()
    local refusals = guards.check(tag(1000, 0, 450), guards.limits())
    local standing, message = guards.standing(refusals, {})
    assert.equal(1, #standing)
    assert.matches("losses: 'VIP' would come off 450 of the 1,000 users who have it (45%; up to 30%, or 10 users, pass)",
      message, 1, true)
    assert.matches("add --force losses", message, 1, true)
  end)

  it("is overridden by its name alone", function()
    local refusals = guards.check(plan({ records = { read = 0 }, tags = tag(1000, 0, 450).tags }), guards.limits())
    assert.equal(2, #guards.standing(refusals, {}))
    assert.equal("losses", guards.standing(refusals, { "input" })[1].guard)
    local standing, message = guards.standing(refusals, { "input", "losses" })
    assert.same({}, standing)
    assert.is_nil(message)
  end)

  it("has options that say what is wrong with a bound", function()
    local function complaint(given)
      return select(2, options.verify("guards", given, guards.options))
    end
    assert.matches("option 'loss_share' must be a share from 0 to 1", complaint({ loss_share = 30 }), 1, true)
    assert.matches("option 'max_cost' must be more than 0", complaint({ max_cost = true }), 1, true)
    assert.matches("did you mean 'growth'", complaint({ grwoth = 3 }), 1, true)
  end)
end)
