-- The keeper: from events in the inbox to tags at the twin. The clock is the spec's own; what counts is what the twin
-- has in the end, and how often it was done.
local with = require("spec.support.keeper")

local RULES = [[
timezone "Asia/Taipei"
fields { bought = count("purchase"), city = text }
tag "Buyer" { when = function(user) return user.bought > 0 end }
tag "VIP" { when = function(user) return user.bought >= 3 end }
tag "North" { when = function(user) return user.city == "Taipei" end }
]]

describe("the keeper", function()
  local f

  after_each(function()
    if f then f.close() end
    f = nil
  end)

  local function begin(source, more)
    f = with.new(source or RULES, more)
    f.open()
    f.work() -- everybody is decided by the rules: there is nobody yet
  end

  it("makes tags of events, each once", function()
    begin()
    f.events({ { "U1", "purchase" }, { "U2", "follow" }, { "U3", "follow", { city = "Taipei" } } })
    f.work()
    assert.same({ U1 = "Buyer 1", U3 = "North 1" }, f.tags())
    f.events({ { "U1", "purchase", id = "a" }, { "U1", "purchase", id = "a" } })
    f.work()
    assert.same({ U1 = "Buyer 1", U3 = "North 1" }, f.tags())
    f.clock.now = f.clock.now + 1000
    f.events({ { "U1", "purchase", id = "b" }, { "U3", "move", { city = "Tainan" } } })
    f.work()
    assert.same({ U1 = "Buyer 1, VIP 1" }, f.tags())
    assert.equal(4, f.count("tagua_operations_total", "outcome", "done"))
    assert.equal(0, f.count("tagua_events_waiting"))
  end)

  it("leaves alone what an event says nothing about", function()
    begin()
    f.events({ { "U1", "follow", { city = "Taipei" } } })
    f.work()
    f.events({ { "U1", "follow" } })
    f.work()
    assert.same({ U1 = "North 1" }, f.tags())
  end)

  it("works off many events of many users in one order, with each tag put on once", function()
    begin()
    local list = {}
    for i = 1, 900 do list[i] = { ("U%03d"):format(i % 300), "purchase" } end
    f.events(list)
    f.work()
    local users = 0
    for _, tags in pairs(f.tags()) do
      users = users + 1
      assert.equal("Buyer 1, VIP 1", tags)
    end
    assert.equal(300, users)
    assert.equal(0, f.count("tagua_errors_total", "code", "ENOUSER") or 0)
  end)

  it("takes a tag off when an event leaves its window, without an event", function()
    begin([[
      fields { recent = count("purchase", { within = "1d" }) }
      tag "Active" { when = function(user) return user.recent > 0 end }
    ]])
    f.events({ { "U1", "purchase" } })
    f.work()
    assert.same({ U1 = "Active 1" }, f.tags())
    f.clock.now = f.clock.now + 86400000 - 1000
    f.keeper:round(0.1)
    assert.same({ U1 = "Active 1" }, f.tags())
    f.clock.now = f.clock.now + 2000
    f.work(function() return next(f.tags()) == nil end)
  end)

  it("does not ask the platform again about users whom it does not know", function()
    begin(nil, { as = "mantago", faults = { faults = { { ["do"] = "error", status = 404, code = 37011,
      message = "Get client failed", path = "/api/openapi/autoTagMapping", method = "POST", first = 1 } } } })
    f.events({ { "U1", "purchase" } })
    f.work()
    assert.same({}, f.tags())
    assert.equal(1, f.count("tagua_operations_total", "outcome", "failed"))
    assert.equal(1, f.count("tagua_errors_total", "code", "ENOUSER"))
    f.clock.now = f.clock.now + 86400000
    f.work()
    assert.same({}, f.tags())
    f.events({ { "U1", "purchase" } }) -- now it may
    f.work()
    assert.same({ U1 = "Buyer 1" }, f.tags())
  end)

  it("skips the user with whom a rule runs away, and tags the others", function()
    begin([[
      fields { bought = count("purchase"), stuck = boolean }
      tag "Buyer" { when = function(user)
        if user.stuck then while true do end end
        return user.bought > 0
      end }
    ]])
    f.keeper.pool.seconds, f.keeper.seconds = 0.1, 0.1
    f.events({ { "U1", "purchase", { stuck = false } }, { "U2", "purchase", { stuck = true } },
      { "U3", "purchase", { stuck = false } } })
    f.work()
    assert.same({ U1 = "Buyer 1", U3 = "Buyer 1" }, f.tags())
    assert.is_true(f.count("tagua_decisions_failed_total", "rule", "Buyer") > 0)
    assert.matches("rule 'Buyer' failed for a user", f.told("rule_failed")[1])
  end)
end)
