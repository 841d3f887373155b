local core = require("tagua.core")
local evidence = require("tagua.evidence")

describe("evidence", function()
  local function new(fields)
    return assert(evidence.new({
      ruleset = { zone = "Asia/Taipei", fields = fields },
      input = { format = "csv", delimiter = ",", header = function() return { "id", "n", "day", "city" } end },
      id_column = "id",
    }))
  end

  local FIELDS = {
    { name = "orders", source = "n", type = "integer", if_empty = 0 },
    { name = "day", source = "day", type = "date" },
    { name = "city", source = "city", type = "text" },
  }

  local function of(self, ...)
    local lines, found = {}, {}
    for _, line in ipairs({ ... }) do lines[line] = { { name = "VIP" } } end
    self:release(lines, function(line, _, text) found[line] = core.json.decode(text) end)
    return found
  end

  it("keeps the declared fields of the lines that are asked for, chunk by chunk", function()
    local kept = new(FIELDS)
    kept:keep("U1,12,2026-01-02,Taipei\nU2,,,\n", 2)
    kept:keep("U3,1,2026-01-02,\n", 4)
    assert.same({ [2] = { orders = 12, day = "2026-01-02 00:00:00", city = "Taipei" } }, of(kept, 2))
    assert.same({ [4] = { orders = 1, day = "2026-01-02 00:00:00" } }, of(kept, 4))
    assert.same({}, of(kept, 5))
  end)

  it("keeps for each rule what it reads, and no more", function()
    local kept, found = new(FIELDS), {}
    kept:keep("U1,12,2026-01-02,Taipei\n", 2)
    local rules = { { name = "VIP", reads = { "orders" } }, { name = "North", reads = { "city", "day" } },
      { name = "All", reads = {} } }
    kept:release({ [2] = rules }, function(line, rule, text) found[rule.name .. line] = core.json.decode(text) end)
    assert.same({ VIP2 = { orders = 12 }, North2 = { city = "Taipei", day = "2026-01-02 00:00:00" }, All2 = {} }, found)
  end)

  it("shows what stands in for a value, and what does not fit as it stands", function()
    local kept = new(FIELDS)
    kept:keep("U1,,x,\nU2,many,,\n", 2)
    assert.same({ [2] = { orders = 0, day = "x" }, [3] = { orders = "many" } }, of(kept, 2, 3))
  end)

  it("keeps the tags that the rules saw, and no more of a long text than 200 bytes", function()
    local kept = new({ FIELDS[3], { name = "tags", source = "tags", type = "tagset" } })
    kept:keep("U1,,," .. ("x"):rep(500) .. "\n", 2, { U1 = { "VIP", "North" } })
    assert.same({ city = ("x"):rep(200), tags = { "VIP", "North" } }, of(kept, 2)[2])
  end)
end)
