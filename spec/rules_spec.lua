local rules = require("tagua.rules")
local shared = require("spec.support.rules")
local support = require("spec.support")

local SOURCE = [[
fields {
  orders = integer { if_empty = 0 }, spend = number { from = "累計消費" }, last_order = date, city = text,
  vip = boolean, tags = tagset,
}
tag "VIP" { when = function(user) return user.orders >= 10 or user.spend >= 30000 end }
tag "Dormant" { when = function(user) return days_since(user.last_order) > 90 end }
one_of "Tier" { { "Gold", function(user) return user.spend >= 50000 end }, { "Bronze", otherwise } }
tag "North" { when = function(user) return user.city == "台北" end }
tag "Kept" { when = function(user) return leave end }
tag "Known" { when = function(user) return user.vip end }
tag "Blocked" { when = function(user) return user.tags["Blocked"] end }
tag "Broken" { when = function(user) if user.orders == 99 then error("out of order") end return false end }
test "ten orders make a VIP" { user = { orders = 10 }, expect = { VIP = true } }
]]

local function load_rules(source)
  return assert(rules.load({ source = source or SOURCE, name = "rules.lua" }))
end

describe("rules in the caller's own state", function()
  it("decide a record that is a Lua table", function()
    local tags, info = load_rules():decide({
      orders = 10, spend = 60000, last_order = "2026-01-01", city = "台北", vip = true, tags = { "Blocked" },
    }, shared.NOON)
    assert.same({
      VIP = true, Dormant = true, Gold = true, Bronze = false, North = true, Known = true, Blocked = true,
      Broken = false,
    }, tags)
    assert.same({ unknown = {}, failed = {} }, info)
  end)

  it("take the column's name for the field's", function()
    assert.is_true(load_rules():decide({ orders = 0, ["累計消費"] = 40000 }).VIP)
  end)

  it("tell which field was missing, and leave such tags alone", function()
    local tags, info = load_rules():decide({ orders = 3, spend = 1, city = "", last_order = nil })
    assert.is_nil(tags.North)
    assert.equal("city", info.unknown.North)
    assert.equal("last_order", info.unknown.Dormant)
  end)

  it("take a key that is not there for a field that the record does not have", function()
    local tags, info = load_rules():decide({})
    assert.is_nil(tags.VIP)
    assert.equal("orders", info.unknown.VIP)
  end)

  it("take an empty text and a JSON null for fields without a value", function()
    assert.is_false(load_rules():decide({ orders = "", spend = 1 }).VIP)
    assert.is_false(load_rules():decide({ orders = require("cjson").null, spend = 1 }).VIP)
  end)

  it("read numbers and dates out of texts", function()
    local tags = load_rules():decide({ orders = "12", spend = "1.5", last_order = "2026-11-20" }, shared.NOON)
    assert.same({ true, false }, { tags.VIP, tags.Dormant })
  end)

  it("are unknown where a value does not fit its type", function()
    local _, info = load_rules():decide({ orders = 1, spend = "NT$30,000" })
    assert.equal("spend", info.unknown.VIP)
    _, info = load_rules():decide({ orders = 1.5 })
    assert.equal("orders", info.unknown.VIP)
  end)

  it("tell why a rule failed, with its line", function()
    local tags, info = load_rules():decide({ orders = 99 })
    assert.is_nil(tags.Broken)
    assert.equal("rules.lua:12: out of order", info.failed.Broken)
  end)

  it("keep nothing from one record to the next", function()
    local ruleset = load_rules()
    ruleset:decide({ orders = 99, city = "台北" })
    local tags, info = ruleset:decide({ orders = 1 })
    assert.is_false(tags.Broken)
    assert.equal("city", info.unknown.North)
  end)

  it("run the file's tests", function()
    local results = load_rules():test()
    assert.equal(1, #results)
    assert.equal("ten orders make a VIP", results[1].name)
    assert.is_true(results[1].ok)
    assert.equal(13, results[1].line)
  end)

  it("are described as in a worker", function()
    if support.rock then return pending("the rock's workers have a spec of their own, rules_sandbox_spec") end
    local there = assert(shared.load(SOURCE))
    local here = load_rules()
    for _, name in ipairs({ "zone", "fields", "tags", "rules", "groups", "folders", "hash", "reads_tags", "tests" }) do
      assert.same(there[name], here[name])
    end
  end)

  it("come from a file", function()
    local folder, remove = support.folder()
    finally(remove)
    local path = support.write(folder .. "/r.lua", SOURCE)
    assert.equal(path, assert(rules.load(path)).path)
  end)

  it("say where the file is wrong", function()
    for source, expected in pairs({
      ["tag 'x'"] = "rules.lua:1: tag 'x' lacks its braces",
      ["x = = 1"] = "rules.lua:1: unexpected symbol near '='",
      ["os.exit()"] = "rules.lua:1: 'os' is not available in a rule file",
      ["error({})"] = "rules.lua: the file raised a table instead of a message",
      ["\27Lua"] = "attempt to load a binary chunk",
    }) do
      local ruleset, message, code = rules.load({ source = source, name = "rules.lua" })
      assert.is_nil(ruleset)
      assert.matches(expected, message, 1, true)
      assert.equal("ERULES", code)
    end
  end)

  it("name the file that cannot be read", function()
    local ruleset, message, code = rules.load("/nowhere/r.lua")
    assert.same({ nil, "EIO" }, { ruleset, code })
    assert.matches("/nowhere/r.lua", message, 1, true)
  end)

  it("leave the caller's own globals and libraries alone", function()
    load_rules('local s = ("x"):rep(3) helper = 1 tag "T" { when = function() return helper == 1 end }')
    assert.is_nil(rawget(_G, "helper"))
    assert.is_nil(rawget(_G, "tag"))
    assert.equal(string, getmetatable("").__index)
  end)

  it("refuse what is no record", function()
    assert.has_error(function() load_rules():decide("U1") end, "decide: record must be a table, got 'U1'")
  end)
end)
