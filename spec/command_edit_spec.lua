local command = require("spec.support.command")
local json = require("tagua.json")

local RULES = [[
fields { orders = integer, seen = date }
tag "VIP" { when = function(user) return user.orders >= %d end %s }
tag "Old" { when = function(user) return days_since(user.seen) > 90 end }
]]

local function users(list)
  local lines = { "id,orders,seen" }
  for i, orders in ipairs(list) do
    lines[#lines + 1] = ("U%d,%d,2026-11-01"):format(i, orders)
  end
  return table.concat(lines, "\n") .. "\n"
end

describe("a plan after the rules were edited", function()
  local place
  before_each(function()
    place = command.place()
    place:write("connections.lua",
      'connection "local" { platform = "local", rate = { per_second = 100000, burst = 1000 }, in_flight = 64 }\n')
    place:write("rules.lua", RULES:format(10, ""))
    place:write("users.csv", users({ 3, 8, 9, 12, 15 }))
    assert.equal(0, (place:run("apply rules.lua --users users.csv --yes")))
  end)
  after_each(function() place:close() end)

  local function plan(more)
    local code, out, err = place:run("plan rules.lua --users users.csv " .. (more or ""))
    assert.equal(0, code, err)
    return out
  end

  local function told(more)
    return json.decode((plan("--json " .. (more or ""))))
  end

  it("tells apart what the edit changes and what the data does", function()
    place:write("rules.lua", RULES:format(8, ""))
    place:write("users.csv", users({ 11, 8, 9, 12, 2 }))
    local found = told()
    assert.equal(4, found.operations.planned) -- U1 and U5 by their data, U2 and U3 by the edit
    assert.equal(1, found.because.run)
    assert.equal(2, found.because.edited)
    assert.equal(2, found.because.data)
    assert.equal(2, found.tags[1].edited_on)
    assert.equal(0, found.tags[1].edited_off)
    local out = plan()
    assert.matches("the rules were edited since run 1 of 20%d%d%-%d%d%-%d%d %d%d:%d%d UTC; "
      .. "operations that come of the edit: 2, of the data and the date: 2\n", out)
    assert.matches("  VIP: the edit puts it on 2 users and takes it off 0\n", out, 1, true)
  end)

  it("puts what the date does to the data's account", function()
    place:write("rules.lua", RULES:format(12, ""))
    local found = told("--at 2027-06-01")
    assert.equal(0, found.because.edited)
    assert.equal(5, found.because.data)
  end)

  it("takes off by the edit, too, and counts a tag that is new as the edit's", function()
    place:write("rules.lua", RULES:format(13, "") .. 'tag "Any" { when = function(user) return user.orders > 0 end }\n')
    local found = told()
    assert.equal(6, found.because.edited)
    assert.equal(0, found.because.data)
    assert.equal(1, found.tags[1].edited_off)
    assert.equal(5, found.tags[3].edited_on)
  end)

  it("counts an edit of a trial as an edit", function()
    place:write("rules.lua", RULES:format(9, ', shadow = true'))
    assert.equal(0, told().operations.planned)
    place:run("apply rules.lua --users users.csv --yes")
    place:write("rules.lua", RULES:format(9, ""))
    assert.equal(1, told().because.edited)
  end)

  it("says nothing of an edit where there was none", function()
    place:write("users.csv", users({ 11, 8, 9, 12, 2 }))
    local found = told()
    assert.is_true(found.because.same)
    assert.equal(2, found.because.data)
    assert.not_matches("edited", (plan()), 1, true)
  end)

  it("goes by included files, too", function()
    os.execute("mkdir -p " .. place.folder .. "/segments")
    place:write("rules.lua", 'fields { orders = integer }\ninclude "segments/*.lua"\n')
    place:write("segments/vip.lua", 'tag "VIP" { when = function(user) return user.orders >= 10 end }')
    assert.equal(0, (place:run("apply rules.lua --users users.csv --yes")))
    place:write("segments/vip.lua", 'tag "VIP" { when = function(user) return user.orders >= 9 end }')
    local found = told()
    assert.equal(1, found.because.edited)
    assert.equal(0, found.because.data)
  end)

  it("says why where the rules of then can't decide any more", function()
    place:write("rules.lua", 'fields { orders = integer }\ntag "VIP" { when = function(user) return user.orders >= 9 end }')
    place:write("users.csv", "id,orders\nU3,9\n")
    local out = plan()
    assert.matches("the rules were edited since run 1 of [^;]*; what comes of that can't be told: [^\n]*seen", out)
  end)

  it("knows nothing of another rule file, nor of a first run", function()
    place:write("other.lua", RULES:format(3, ""))
    local code, out = place:run("plan other.lua --users users.csv --json")
    assert.equal(0, code)
    assert.is_nil(json.decode(out).because)
  end)

  it("does so for many chunks of records", function()
    local many = {}
    for i = 1, 60000 do many[i] = i % 20 end
    place:write("users.csv", users(many))
    place:write("rules.lua", RULES:format(8, ""))
    local found = told()
    assert.equal(60000, found.records.read)
    assert.equal(found.operations.planned, found.because.edited + found.because.data)
    assert.equal(6000, found.because.edited) -- 8 and 9 of 0 to 19
  end)
end)
