local command = require("spec.support.command")
local json = require("tagua.json")

local RULES = [[
fields { orders = integer, city = text }
tag "VIP" { when = function(user) return user.orders >= 10 end }
tag "North" { when = function(user) return user.city == "台北" end }
tag "Odd" { when = function(user) if user.orders == 13 then error("bad luck") end return false end }
test "ten orders make a VIP" { user = { orders = 10 }, expect = { VIP = true, North = leave } }
]]

local FAILING = RULES .. [[
test "nine do too" { user = { orders = 9, city = "台北" }, expect = { VIP = true, North = true } }
test "thirteen is fine" { user = { orders = 13 }, expect = { Odd = false } }
]]

describe("tagua test", function()
  local place
  before_each(function() place = command.place() end)
  after_each(function() place:close() end)

  local function test(text, options)
    place:write("rules.lua", text)
    return place:run("test rules.lua " .. (options or ""))
  end

  it("prints a mark for each test and the sums, as busted does", function()
    local code, out, err = test(RULES)
    assert.equal("", err)
    assert.equal(0, code)
    assert.matches("^●\n1 success / 0 failures / 0 errors : %d+%.%d+ seconds\n$", out)
  end)

  it("shows expected and actual tags of a test that failed as a diff, and ends with 3", function()
    local code, out = test(FAILING)
    assert.equal(3, code)
    assert.equal([[
●◼✱
1 success / 1 failure / 1 error : T seconds

Failure → rules.lua @ 6
nine do too
    North = true
  - VIP = true
  + VIP = false

Error → rules.lua @ 7
thirteen is fine
  - Odd = false
  + Odd = failed: rules.lua:4: bad luck
]], (out:gsub("%d+%.%d+ seconds", "T seconds")))
  end)

  it("says the same to programs", function()
    local code, out = test(FAILING, "--json")
    local told = assert(json.decode(out))
    assert.equal(3, code)
    assert.is_false(told.ok)
    assert.is_true(told.tests[1].ok)
    assert.same({ name = "VIP", expected = "true", actual = "false", ok = false }, told.tests[2].tags[2])
    assert.equal(6, told.tests[2].line)
  end)

  it("takes the moment that --at gives", function()
    local rules = [[
      tag "Late" { when = function() return now() >= time "2026-11-11" end }
      test "the day has come" { user = {}, expect = { Late = true } }
    ]]
    assert.equal(0, (test(rules, "--at '2026-11-11 00:00'")))
    assert.equal(3, (test(rules, "--at '2026-11-10 23:59'")))
  end)

  it("says what to write where there are none", function()
    local code, out = test('tag "A" { when = function() return true end }')
    assert.equal(0, code)
    assert.matches('^no tests: add some with test "', out)
  end)
end)

describe("--skip-tests", function()
  local place
  before_each(function()
    place = command.place()
    place:write("rules.lua", FAILING)
    place:write("users.csv", "id,orders,city\nU1,10,\n")
  end)
  after_each(function() place:close() end)

  it("plans in spite of a test that fails, and says so", function()
    assert.equal(3, (place:run("plan rules.lua --users users.csv")))
    local code, out, err = place:run("plan rules.lua --users users.csv --skip-tests")
    assert.equal(0, code, err)
    assert.matches("the tests of the rule file were skipped (--skip-tests)", err, 1, true)
    assert.matches("\nthe rules' own tests were skipped (--skip-tests)\n", out, 1, true)
    out = select(2, place:run("plan rules.lua --users users.csv --skip-tests --json"))
    assert.equal("skipped", json.decode(out).tests)
  end)

  it("is kept in the run", function()
    assert.equal(0, (place:run("apply rules.lua --users users.csv --skip-tests --yes")))
    local db <close> = require("tagua.core").sql.open(place.folder .. "/tagua.db")
    assert.equal("skipped", db:prepare("select tests from run where kind = 'apply'"):row())
  end)
end)
