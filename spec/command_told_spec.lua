local json = require("tagua.json")
local tests = require("tagua.command.tests")
local told = require("tagua.command.told")

local function plain(_, text) return text end

describe("tests of a rule file, told", function()
  it("show what failed, with its line and what was expected", function()
    assert.same({
      "FAILED ten orders make a VIP (line 40)",
      "  expected VIP = true, got false",
      "1 of 2 tests failed",
    }, tests.lines({
      { name = "ten orders make a VIP", ok = false, line = 40, message = "expected VIP = true, got false" },
      { name = "other", ok = true, line = 50 },
    }, plain))
  end)

  it("are summed when all passed, and asked for when there are none", function()
    assert.same({ "1 test passed" }, tests.lines({ { name = "a", ok = true } }, plain))
    assert.matches("no tests", tests.lines({}, plain)[1])
  end)

  it("can't drive the terminal", function()
    local lines = tests.lines({ { name = "\27[2J", ok = false, message = "a\27[0mb\nc" } }, plain)
    assert.is_nil(table.concat(lines):find("\27", 1, true))
  end)
end)

describe("a plan as JSON", function()
  local plan = {
    records = { read = 2, decided = 1, unknown = 1, failed = 0, rejected = 0 },
    tags = {
      { name = "VIP", folder = "Value", rule = "VIP", on = 1, off = 0, stay = 0, console = 0, kept = 0,
        unknown = 1, failed = 0, on_users = { "U1" }, off_users = {} },
    },
    creations = { { kind = "folder", name = "Value" }, { kind = "tag", name = "VIP", folder = "Value" } },
    on = 1, off = 0, operations = 1, calls = 3, per_second = 10,
    rejected = {}, failures = {}, unknown = { { tag = "VIP", field = "orders", count = 1 } },
    unmatched = {}, ambiguous = {}, blocked = {},
  }

  it("keeps empty lists as lists", function()
    local text = json.encode(told.plan(plan, "shop"))
    assert.matches('"rejected":[]', text, 1, true)
    assert.matches('"off_users":[]', text, 1, true)
  end)

  it("names the connection, the sums, the tags and what is to be created", function()
    local out = json.decode(json.encode(told.plan(plan, "shop")))
    assert.equal("shop", out.connection)
    assert.same({ planned = 1, on = 1, off = 0 }, out.operations)
    assert.equal("VIP", out.tags[1].name)
    assert.same({ "U1" }, out.tags[1].on_users)
    assert.same({ kind = "tag", name = "VIP", folder = "Value" }, out.create[2])
    assert.same({ tag = "VIP", field = "orders", count = 1 }, out.unknown[1])
  end)
end)
