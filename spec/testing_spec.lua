local support = require("spec.support")
local testing = require("tagua.testing")

local SOURCE = [[
fields { orders = integer }
tag "VIP" { when = function(user) return user.orders >= 10 end }
test "ten orders make a VIP" { user = { orders = 10 }, expect = { VIP = true } }
test "nine do too" { user = { orders = 9 }, expect = { VIP = true } }
]]

describe("tagua.testing", function()
  local rules = testing.load({ source = SOURCE, name = "rules.lua" })

  it("runs the file's tests", function()
    local results = rules:run()
    assert.is_true(results[1].ok)
    assert.is_false(results[2].ok)
  end)

  it("accepts a user who is decided as expected", function()
    rules:expect({ user = { orders = 11 }, expect = { VIP = true } })
    rules:expect({ user = {}, expect = { VIP = rules.leave } })
  end)

  it("raises with a diff where it is not, at the line of the spec", function()
    local ok, message = pcall(rules.expect, rules, { user = { orders = 1 }, expect = { VIP = true } })
    assert.is_false(ok)
    assert.matches("  - VIP = true\n  + VIP = false", message, 1, true)
    ok, message = pcall(function()
      rules:expect({ user = { orders = 1 }, expect = { VIP = true } })
    end)
    assert.is_false(ok)
    assert.matches("^spec/testing_spec.lua:%d+: expect: not as expected", message)
  end)

  it("names the nearest field, tag and option", function()
    local function message(test)
      return select(2, pcall(rules.expect, rules, test))
    end
    assert.matches("did you mean 'orders'", message({ user = { order = 1 }, expect = {} }))
    assert.matches("did you mean 'VIP'", message({ user = {}, expect = { VIPP = true } }))
    assert.matches("did you mean 'user'", message({ users = {}, expect = {} }))
  end)

  it("raises with the file and its line where the file is rejected", function()
    local ok, message = pcall(testing.load, { source = "\ntga 'x'", name = "rules.lua" })
    assert.is_false(ok)
    assert.matches("rules.lua:2: unknown name 'tga' (did you mean 'tag'?)", message, 1, true)
  end)

  it("makes each test block one of busted's own", function()
    local folder, remove = support.folder()
    finally(remove)
    support.write(folder .. "/rules.lua", SOURCE)
    support.write(folder .. "/shop_spec.lua",
      ('require("tagua.testing").load("%s/rules.lua"):describe(describe, it)\n'):format(folder))
    local _, out = support.shell(("busted --lua=lua5.4 -f .busted -o plainTerminal %s/shop_spec.lua"):format(folder))
    assert.matches("1 success / [01] failures? / [01] errors?", out)
    assert.matches("rules.lua:4: nine do too", out, 1, true)
    assert.matches("- VIP = true", out, 1, true)
  end)
end)

testing.load("examples/shop/rules.lua"):describe(describe, it)
