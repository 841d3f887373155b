local command = require("spec.support.command")
local json = require("tagua.json")

local RULES = [[
fields { orders = integer { if_empty = 0 }, city = text }
tag "VIP" { folder = "Value", when = function(user) return user.orders >= 10 end }
tag "North" { when = function(user) return user.city == "台北" end }
test "ten orders make a VIP" { user = { orders = 10, city = "台北" }, expect = { VIP = true, North = true } }
]]

local FAILING = RULES .. [[
test "nine do too" { user = { orders = 9, city = "台北" }, expect = { VIP = true } }
]]

describe("tagua check", function()
  local place
  before_each(function() place = command.place() end)
  after_each(function() place:close() end)

  local function check(text, options)
    place:write("rules.lua", text)
    return place:run("check rules.lua " .. (options or ""))
  end

  it("accepts rules whose tests pass, and says what they are", function()
    local code, out, err = check(RULES)
    assert.equal("", err)
    assert.equal(0, code)
    assert.equal("rules.lua: 2 tags, 2 fields, Asia/Taipei\n1 test passed\n", out)
  end)

  it("shows the test that failed with what it expected and got, and ends with 3", function()
    local code, out = check(FAILING)
    assert.equal(3, code)
    assert.matches("FAILED nine do too (line 5)\n", out, 1, true)
    assert.matches("VIP", out:match("FAILED[^\n]*\n([^\n]*)"))
    assert.matches("true.*false", out:match("FAILED[^\n]*\n([^\n]*)"))
    assert.matches("1 of 2 tests failed", out, 1, true)
  end)

  it("says the same to programs", function()
    local code, out = check(FAILING, "--json")
    local told = assert(json.decode(out))
    assert.equal(3, code)
    assert.is_false(told.ok)
    assert.equal("Asia/Taipei", told.zone)
    assert.equal("VIP", told.tags[1].name)
    assert.equal("Value", told.tags[1].folder)
    assert.is_true(told.tests[1].ok)
    assert.is_false(told.tests[2].ok)
  end)

  it("names file and line of what can't be loaded", function()
    local code, out, err = check("tag \"VIP\" { when = 1 }\n")
    assert.equal(3, code)
    assert.equal("", out)
    assert.matches("^tagua: .*rules%.lua:1: ", err)
    assert.equal(1, select(2, err:gsub("\n", "")))
  end)

  it("names the nearest word of the rule language", function()
    local code, _, err = check("feilds { a = text }\n")
    assert.equal(3, code)
    assert.matches("feilds", err)
    assert.matches("did you mean 'fields'", err)
  end)

  it("says which file is not there", function()
    local code, _, err = place:run("check nowhere.lua")
    assert.is_true(code == 2 or code == 3)
    assert.matches("^tagua: .*nowhere%.lua", err)
  end)

  it("touches no ledger", function()
    check(RULES)
    assert.is_nil(io.open(place.folder .. "/tagua.db"))
  end)

  it("asks for the rule file by name", function()
    local code, _, err = place:run("check")
    assert.equal(2, code)
    assert.equal("tagua: missing argument RULES; see 'tagua check --help'\n", err)
  end)
end)
