local command = require("spec.support.command")
local json = require("tagua.json")

local RULES = [[
fields { orders = integer, city = text }

local function big(user)
  if user.orders > 50 then
    return true
  end
  return user.orders > 20
end

tag "VIP" {
  when = function(user)
    if user.orders >= 10 then
      return true
    end
    return false
  end,
}

tag "Big" { when = function(user) return big(user) end }

one_of "Region" {
  { "North", function(user) return user.city == "台北" end },
  { "Else", otherwise },
}

test "ten orders make a VIP" { user = { orders = 10 }, expect = { VIP = true } }
test "the capital is north" { user = { orders = 1, city = "台北" }, expect = { Region = "North" } }
]]

describe("tagua test --coverage", function()
  local place
  before_each(function()
    place = command.place()
    place:write("rules.lua", RULES)
    place:write("users.csv", "id,orders,city\nU1,60,台北\nU2,12,\n")
  end)
  after_each(function() place:close() end)

  local function coverage(options)
    local code, out, err = place:run("test rules.lua --coverage " .. (options or ""))
    assert.equal("", err)
    assert.equal(0, code)
    return out
  end

  it("tells which rules, decisions and lines no test reaches", function()
    assert.matches([[
coverage: 2 tests
  rules.lua:10  'VIP'        never false in a test
  rules.lua:19  tag 'Big'    no test expects it
  rules.lua:21  'North'      never false in a test
  rules.lua:21  'Else'       never true in a test
  rules.lua:5   return true  no test reaches it
tests reach 2 of 3 rules, 3 of 8 decisions true and false, 7 of 8 lines
]], coverage(), 1, true)
  end)

  it("tells what real users never reach, too", function()
    assert.matches([[
coverage: 2 tests, 2 users of users.csv
  rules.lua:10  'VIP'         never false in a test, never false for a user
  rules.lua:19  tag 'Big'     no test expects it
  rules.lua:21  'North'       never false in a test, never false for a user
  rules.lua:21  'Else'        never true in a test, never true for a user
  rules.lua:5   return true   no test reaches it
  rules.lua:15  return false  no user reaches it
]], coverage("--users users.csv"), 1, true)
  end)

  it("says the same to programs", function()
    local told = json.decode(coverage("--users users.csv --json")).coverage
    assert.equal(2, told.users)
    assert.is_false(told.rules[2].tested)
    assert.same({ "true", "false" }, told.rules[2].tags[1].users)
    assert.same({ file = "rules.lua", line = 5, tests = false, users = true }, told.lines[2])
  end)

  it("goes on after a rule that ran out of time", function()
    place:write("rules.lua", RULES .. 'tag "Slow" { when = function(user) while user.orders == 60 do end return false end }\n')
    local told = json.decode(coverage("--users users.csv --json")).coverage
    for _, line in ipairs(told.lines) do
      if line.line == 15 then assert.is_true(line.tests) end
      if line.line == 7 then assert.is_true(line.users) end -- the second user alone gets there
    end
  end)

  it("names lines of included files", function()
    assert(require("tagua.core").system.make_folder(place.folder .. "/segments"))
    place:write("segments/a.lua", 'tag "A" {\n  when = function(user)\n    if user.orders > 5 then return true end\n'
      .. '    return false\n  end,\n}\ntest "six" { user = { orders = 6 }, expect = { A = true } }\n')
    place:write("rules.lua", 'fields { orders = integer }\ninclude "segments/*.lua"\n')
    assert.matches("segments/a.lua:4  return false  no test reaches it", coverage(), 1, true)
  end)

  it("is what --users is for", function()
    local code, _, err = place:run("test rules.lua --users users.csv")
    assert.equal(2, code)
    assert.matches("add --coverage", err, 1, true)
  end)
end)
