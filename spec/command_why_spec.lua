local command = require("spec.support.command")
local json = require("tagua.json")

local RULES = [[
timezone "Asia/Taipei"
fields {
  orders = integer { if_empty = 0 },
  spend = number { from = "累計消費" },
  last_order = date,
  city = text,
}
tag "VIP" {
  when = function(user)
    if user.orders >= 10 then
      return true
    end
    return user.spend >= 30000
  end,
}
tag "Dormant" { when = function(user) return days_since(user.last_order) > 90 end }
one_of "Place" {
  { "North", function(user) return user.city == "台北" end },
  { "South", function(user) return user.city == "高雄" end },
}
tag "Broken" { when = function(user) return user.orders.x > 1 end }
]]

local USERS = [[
id,orders,累計消費,last_order,city
U1,9,690,2026-10-01,台中
U2,12,690,2026-01-01,台北
U3,,"NT$5",,高雄
]]

describe("tagua why", function()
  local place
  before_each(function()
    place = command.place()
    place:write("connections.lua",
      'connection "local" { platform = "local", rate = { per_second = 100000, burst = 1000 }, in_flight = 64 }\n')
    place:write("rules.lua", RULES)
    place:write("users.csv", USERS)
  end)
  after_each(function() place:close() end)

  local function why(arguments)
    return place:run("why rules.lua --users users.csv --at '2026-11-21 09:00' " .. arguments)
  end

  it("tells the line that decided, the fields it read, and the nearest miss of each", function()
    local code, out, err = why("U1 VIP")
    assert.equal("", err)
    assert.equal(0, code)
    assert.equal([[
U1, line 2 of users.csv
VIP: the rules do not want it
  rules.lua:13, tag 'VIP', on orders = 9, spend (累計消費) = 690
  on local: not known, it was never pulled: tagua pull local
  orders is 9: at 10 the user gets VIP
  spend is 690: at 30000 the user gets VIP
]], out)
  end)

  it("tells of every tag, and reads the clock that it is given", function()
    local _, out = why("U1")
    for _, name in ipairs({ "VIP", "Dormant", "North", "South", "Broken" }) do
      assert.matches("\n" .. name .. ": ", out, 1, true)
    end
    assert.matches("last_order is 2026-10-01: at 2026-08-22 the user gets Dormant", out, 1, true)
    assert.matches("city is 台中: at 台北 the user gets North", out, 1, true)
    _, out = place:run("why rules.lua --users users.csv --at 2027-11-21 U1 Dormant")
    assert.matches("Dormant: the rules want it", out, 1, true)
  end)

  it("tells what the platform has, and which run put it there", function()
    assert.equal(0, (place:run("apply rules.lua --users users.csv --yes")))
    local _, out = why("U2 VIP")
    assert.matches("on local: there, put on by run 1 at 20%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d UTC\n", out)
    assert.matches("on local: not there\n", (select(2, why("U1 VIP"))), 1, true)
  end)

  it("finds the run of a tag that was put on by itself, too", function()
    assert.equal(0, (place:run("tag U1 VIP --create")))
    local told = json.decode((select(2, why("U1 VIP --json"))))
    assert.is_true(told.tags[1].platform.present)
    assert.equal("tagua", told.tags[1].platform.owner)
    assert.equal(1, told.tags[1].platform.run)
  end)

  it("tells why a rule could not decide, and what value would let it", function()
    local _, out = why("U3 VIP")
    assert.matches("VIP: not decided, because spend has a value that does not fit\n", out, 1, true)
    assert.matches("on orders = 0, spend (累計消費) = 'NT$5', which does not fit\n", out, 1, true)
    assert.matches("spend is 'NT$5', which does not fit: at 30000 the user gets VIP\n", out, 1, true)
    _, out = why("U3 Dormant")
    assert.matches("Dormant: not decided, because last_order has no value\n", out, 1, true)
    assert.matches("last_order has no value: at 2026-08-22 the user gets Dormant\n", out, 1, true)
  end)

  it("shows the rule's own error", function()
    local _, out = why("U1 Broken")
    assert.matches("Broken: the rule failed: rules.lua:21: attempt to index", out, 1, true)
  end)

  it("takes a one_of by its name", function()
    local _, out = why("U2 Place")
    assert.matches("North: the rules want it", out, 1, true)
    assert.matches("South: the rules do not want it", out, 1, true)
    assert.not_matches("VIP", out, 1, true)
  end)

  it("says the same to programs", function()
    local _, out = why("U1 VIP --json")
    local told = assert(json.decode(out))
    local tag = told.tags[1]
    assert.equal("off", tag.decision)
    assert.equal(13, tag.line)
    assert.equal("orders", tag.reads[1].field)
    assert.equal(9, tag.reads[1].value)
    assert.equal("orders", tag.misses[1].field)
    assert.equal(10, tag.misses[1].value)
  end)

  it("names the nearest tag, and the user that is not in the input", function()
    local code, _, err = why("U1 VPI")
    assert.equal(2, code)
    assert.equal("tagua: no rule owns the tag 'VPI' (did you mean 'VIP'?)\n", err)
    code, _, err = why("U9 VIP")
    assert.equal(1, code)
    assert.equal("tagua: users.csv has no record of 'U9'\n", err)
  end)

  it("leaves nothing behind where there was nothing", function()
    why("U1")
    assert.is_nil(io.open(place.folder .. "/tagua.db"))
  end)

  it("tells what of a trial stands in the way", function()
    place:write("rules.lua", 'fields { orders = integer } tag "T" { when = function(user) return user.orders > 1 end, '
      .. 'rollout = "0%", starts = "2027-01-01" }\ntag "S" { when = function(user) return user.orders > 1 end, shadow = true }')
    assert.equal(0, (place:run("pull local")))
    local _, out, err = why("U1")
    assert.equal("", err)
    assert.matches("outside of its rollout: left alone", out, 1, true)
    assert.matches("left alone before 2027-01-01 00:00:00 (starts)", out, 1, true)
    assert.matches("in the shadow: decided, never applied", out, 1, true)
  end)

  it("names the included file that decided", function()
    os.execute("mkdir -p " .. place.folder .. "/segments")
    place:write("rules.lua", 'fields { orders = integer }\ninclude "segments/*.lua"\n')
    place:write("segments/vip.lua", '\ntag "VIP" {\n  when = function(user)\n    return user.orders > 777\n  end,\n}\n')
    local _, out, err = why("U1 VIP")
    assert.equal("", err)
    assert.matches("  segments/vip.lua:4, tag 'VIP', on orders = 9\n", out, 1, true)
    assert.matches("orders is 9: at 778 the user gets VIP", out, 1, true)
  end)

  it("does not hang on a rule that does", function()
    place:write("rules.lua", 'fields { orders = integer }\ntag "T" { when = function(user)\n'
      .. "while user.orders > 9 do end return false end }\n")
    local _, out = why("U1 T")
    assert.matches("looked no further: rules.lua:2: tag 'T' ran out of time", out, 1, true)
    _, out = why("U2 T")
    assert.matches("T: the rule failed: rules.lua:2: tag 'T' ran out of time", out, 1, true)
  end)

  it("reads the tags of the user from the mirror", function()
    place:write("everyone.lua", 'fields { tags = tagset }\ntag "Wake" { when = function(user) return user.tags["VIP"] end }')
    assert.equal(0, (place:run("apply rules.lua --users users.csv --yes")))
    assert.equal(0, (place:run("pull local")))
    local _, out = place:run("why everyone.lua --users @local U2")
    assert.matches("no record of", (select(3, place:run("why everyone.lua --users @local U9"))), 1, true)
    assert.matches("Wake: the rules want it", out, 1, true)
    assert.matches(", tag 'Wake', on tags = { ", out, 1, true)
  end)
end)
