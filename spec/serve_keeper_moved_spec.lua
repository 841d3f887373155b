-- Of a user of whom something moved, the keeper asks the rules that read what did, and no other one.
local with = require("spec.support.keeper")

local RULES = [[
fields { bought = count("purchase"), looked = count("view"), unread = count("ping"), city = text }
tag "Buyer" { when = function(user) return user.bought > 0 end }
tag "Broken" { when = function(user) return user.looked > 0 and nil + 1 end }
tag "North" { when = function(user) return user.city == "Taipei" end }
]]

describe("the keeper", function()
  local f

  after_each(function()
    f.close()
  end)

  local function failed()
    return f.count("tagua_decisions_failed_total", "rule", "Broken") or 0
  end

  it("asks the rules alone whose fields moved", function()
    f = with.new(RULES)
    f.open()
    f.work()
    f.events({ { "U1", "view", { city = "Taipei" } } })
    f.work()
    assert.same({ U1 = "North 1" }, f.tags())
    assert.equal(1, failed())
    local decided = f.count("tagua_decided_total")
    f.events({ { "U1", "purchase" } })
    f.work()
    assert.same({ U1 = "Buyer 1, North 1" }, f.tags())
    assert.equal(1, failed())
    assert.equal(decided + 1, f.count("tagua_decided_total"))
    f.events({ { "U1", "view" } })
    f.work()
    assert.equal(2, failed())
    f.events({ { "U1", "ping" }, { "U1", "view", { city = "Taipei" } } })
    f.work()
    assert.equal(3, failed())
    decided = f.count("tagua_decided_total")
    f.events({ { "U1", "ping" } })
    f.work()
    assert.equal(3, failed())
    assert.equal(decided, f.count("tagua_decided_total"))
    assert.equal(0, f.count("tagua_events_waiting"))
    assert.same({ U1 = "Buyer 1, North 1" }, f.tags())
  end)

  it("asks of many users what moved of each", function()
    f = with.new(RULES)
    f.open()
    f.work()
    local first, second, expected = {}, {}, {}
    for i = 1, 120 do
      local user = ("U%03d"):format(i)
      first[i] = { user, "follow" }
      local kinds = { { "purchase" }, { "view" }, { "ping" }, { "follow", { city = "Taipei" } } }
      for j, kind in ipairs(kinds) do
        if i & 1 << (j - 1) ~= 0 then second[#second + 1] = { user, kind[1], kind[2] } end
      end
      local tags = {}
      if i & 1 ~= 0 then tags[#tags + 1] = "Buyer 1" end
      if i & 8 ~= 0 then tags[#tags + 1] = "North 1" end
      expected[user] = tags[1] and table.concat(tags, ", ")
    end
    f.events(first)
    f.work()
    assert.same({}, f.tags())
    f.events(second)
    f.work()
    assert.same(expected, f.tags())
    assert.equal(0, f.count("tagua_events_waiting"))
  end)

  it("knows of the events that are there when other rules ask for more, and says what it can't know", function()
    f = with.new([[
      fields { recent = count("purchase", { within = "1d" }) }
      tag "Active" { when = function(user) return user.recent > 0 end }
    ]])
    f.open()
    f.work()
    local day = 86400000
    for i = 1, 3 do
      f.events({ { "U1", "purchase", { amount = 10 } }, { "U2", "follow" } })
      f.work()
      if i < 3 then f.clock.now = f.clock.now + day // 2 + 1000 end
      f.keeper.forget_ns = 0
      f.keeper:round(0.01)
      f.work()
    end
    assert.same({ U1 = "Active 1" }, f.tags())
    assert.same({}, f.told("incomplete"))
    assert(f.keeper:use({ name = "rules.lua", source = [[
      fields {
        recent = count("purchase", { within = "1d" }), spent = sum("purchase", "amount", { within = "1d" }),
        week = count("purchase", { within = "7d" }),
      }
      tag "Active" { when = function(user) return user.recent > 0 end }
      tag "Spent 20" { when = function(user) return user.spent == 20 and user.week == 2 end }
    ]] }))
    f.work()
    assert.same({ U1 = "Active 1, Spent 20 1" }, f.tags())
    local told = f.told("incomplete")
    assert.equal(1, #told)
    assert.matches("^the field 'week' knows what happened since %d+%-%d+%-%d+ [%d:]+; earlier events were gone when the "
      .. "rules first asked, and it is whole from %d+%-%d+%-%d+ [%d:]+ on$", told[1])
  end)
end)
