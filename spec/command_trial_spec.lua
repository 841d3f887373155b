local command = require("spec.support.command")
local json = require("tagua.json")

local RULES = [[
fields { orders = integer }
tag "VIP" { when = function(user) return user.orders >= 10 end, %s }
]]

describe("a rule on trial", function()
  local place
  before_each(function()
    place = command.place()
    place:write("connections.lua",
      'connection "local" { platform = "local", rate = { per_second = 100000, burst = 1000 }, in_flight = 64 }\n')
    local lines = { "id,orders" }
    for i = 1, 400 do
      lines[#lines + 1] = ("U%03d,%d"):format(i, i % 2 == 0 and 12 or 3)
    end
    place:write("users.csv", table.concat(lines, "\n") .. "\n")
  end)
  after_each(function() place:close() end)

  local function run(name, options, more)
    place:write("rules.lua", RULES:format(options))
    local code, out, err = place:run(name .. " rules.lua --users users.csv " .. (more or ""))
    assert.equal(0, code, err)
    return out
  end

  local function plan(options)
    local told = assert(json.decode(run("plan", options, "--json")))
    return told.tags[1], told
  end

  local function holders()
    local _, out = place:run("users --json")
    local found = {}
    for line in out:gmatch("[^\n]+") do
      local user = assert(json.decode(line))
      if user.tags and user.tags[1] then found[user.id] = true end
    end
    return found
  end

  it("is decided and counted in the shadow, and never applied", function()
    local tag, told = plan("shadow = true")
    assert.same({ on = 200, off = 0 }, tag.shadow)
    assert.equal(0, told.operations.planned)
    local out = run("apply", "shadow = true", "--yes")
    assert.matches("VIP is in the shadow, decided and never applied: it would come on for 200 users and go off for 0\n",
      out, 1, true)
    assert.matches("nothing to do", out, 1, true)
    assert.same({}, holders())
  end)

  it("takes nobody's tag away from the shadow either", function()
    run("apply", "", "--yes")
    place:write("users.csv", "id,orders\nU002,3\nU004,12\n")
    local tag, told = plan("shadow = true")
    assert.same({ on = 0, off = 1 }, tag.shadow)
    assert.equal(0, told.operations.planned)
  end)

  it("is rolled out to a share of the users, and a larger share keeps those already in", function()
    local tag = plan('rollout = "25%"')
    assert.equal(200, tag.on + tag.rollout.outside)
    assert.is_true(tag.on > 25 and tag.on < 75, tag.on)
    assert.matches(("VIP is rolled out to 25%% of the users: %d changes outside of them left alone\n"):format(
      tag.rollout.outside):gsub("%%", "%%%%"), (run("apply", 'rollout = "25%"', "--yes")))
    local first = holders()
    local raised = plan('rollout = "50%"')
    assert.equal(0, raised.off)
    assert.equal(tag.on, raised.stay)
    run("apply", 'rollout = "50%"', "--yes")
    local second = holders()
    for user in pairs(first) do
      assert.is_true(second[user])
    end
    assert.equal(0, plan('rollout = "5%"').off) -- lowering it takes nothing away
    assert.equal(0, plan('rollout = "100%"').rollout.outside)
  end)

  it("never gives the tag to the holdout, and takes it from those of it who have it", function()
    run("apply", "", "--yes")
    local tag, told = plan('holdout = "10%"')
    assert.is_true(tag.holdout.held > 5 and tag.holdout.held < 40, tag.holdout.held)
    assert.equal(tag.holdout.held, tag.off)
    assert.equal(200 - tag.off, tag.stay)
    assert.equal(tag.off, told.operations.off)
    assert.matches(("VIP is held back from 10%% of the users: %d who would have it go without\n"):format(tag.off):gsub("%%", "%%%%"),
      (run("apply", 'holdout = "10%"', "--yes")))
    assert.equal(0, plan('holdout = "10%"').off)
  end)
end)
