local rules = require("spec.support.rules")

local SOURCE = [[
fields { orders = integer { if_empty = 0 }, spend = number, city = text, seen = date, tags = tagset }
local function rich(user)
  return user.spend > 1000
end
tag "VIP" {
  when = function(user)
    if user.orders >= 10 then
      return true
    end
    return rich(user)
  end,
}
one_of "Place" {
  { "North", function(user)
    return user.city == "台北" end },
  { "South", function(user)
    return has(user, "city") and user.city == "高雄" end },
}
tag "Old" { when = function(user) return days_since(user.seen) > 30 end }
tag "Boss" { when = function(user) return user.tags["VIP"] end }
tag "Broken" { when = function(user) return user.orders.x end }
tag "Loop" { when = function(user) while user.orders > 5 do end return false end }
tag "Stuck" {
  when = function(user) return user.orders > 5 and string.find(("a"):rep(60), ("a-"):rep(60) .. "b") ~= nil end,
}
]]

describe("asking a rule about made-up records", function()
  local pool, ruleset, positions

  before_each(function()
    pool = rules.pool({ seconds = 0.2 })
    ruleset = assert(pool:load({ source = SOURCE, name = "rules.lua" }))
    positions = {}
    for i, rule in ipairs(ruleset.rules) do positions[rule.name] = i end
  end)
  after_each(function() pool:close() end)

  local function ask(rule, values, states)
    local answers, message, code = pool:ask({
      rule = positions[rule], at = rules.NOON, trace = true, records = { { values = values, states = states or {} } },
    })
    return answers and answers[1] or nil, message, code
  end

  it("tells what it wants", function()
    assert.equal("+", ask("VIP", { orders = 10 }).wants)
    assert.equal("-+", ask("Place", { city = "高雄" }).wants)
    assert.equal("+", ask("Boss", { tags = { "VIP" } }).wants)
    assert.equal("-", ask("Boss", { tags = {} }).wants)
    assert.equal("+", ask("Old", { seen = rules.NOON - 40 * 86400 }).wants)
  end)

  it("tells which fields it read on the way, and no others", function()
    assert.same({ "orders" }, ask("VIP", { orders = 10, spend = 5 }).reads)
    assert.same({ "orders", "spend" }, ask("VIP", { orders = 9, spend = 5.0 }).reads)
    assert.same({ "city" }, ask("Place", { city = "x" }).reads)
    assert.same({ "tags" }, ask("Boss", { tags = {} }).reads)
  end)

  it("tells the line that decided, in the rule and not in a helper of it", function()
    assert.equal(8, ask("VIP", { orders = 10 }).line)
    assert.equal(10, ask("VIP", { orders = 9, spend = 5.0 }).line)
    assert.equal(15, ask("Place", { city = "台北" }).line)
    assert.equal(17, ask("Place", { city = "高雄" }).line)
  end)

  it("tells the field without which it can't decide", function()
    local answer = ask("VIP", { orders = 9 })
    assert.equal("?", answer.wants)
    assert.equal("spend", answer.unknown)
    assert.equal("??", ask("Place", {}, { city = "bad" }).wants)
  end)

  it("takes the value that stands for an empty field", function()
    assert.equal("orders", ask("VIP", {}, { orders = "bad" }).unknown)
    assert.equal("-", ask("VIP", { spend = 1.0 }).wants)
  end)

  it("tells why it failed", function()
    local answer = ask("Broken", { orders = 1 })
    assert.equal("!", answer.wants)
    assert.matches("^rules.lua:21: attempt to index", answer.failed)
  end)

  it("is over with the first record that takes too long", function()
    local records = {}
    for i = 1, 8 do records[i] = { values = { orders = i }, states = {} } end
    local answers = assert(pool:ask({ rule = positions.Loop, at = rules.NOON, records = records }))
    assert.equal(6, #answers)
    assert.matches("ran out of time", answers[6].failed)
    assert.equal("-", ask("Loop", { orders = 1 }).wants)
  end)

  it("survives a rule that gets stuck inside one call", function()
    local answer, message, code = ask("Stuck", { orders = 9 })
    assert.is_nil(answer)
    assert.equal("rules.lua: the rule got stuck inside one call for more than 0.2 s", message)
    assert.equal("ERULES", code)
    assert.equal("-", ask("Stuck", { orders = 1 }).wants)
  end)
end)

describe("deciding at later moments, too", function()
  local DAY = 86400

  local function changes(source, lines, days)
    local pool <close> = rules.pool()
    assert(pool:load({ source = source, name = "rules.lua" }))
    local moments = {}
    for i = 1, days do moments[i] = rules.NOON + i * DAY end
    assert(pool:input({ format = "jsonl", at = rules.NOON, days = moments }))
    local chunk = table.concat(lines, "\n") .. "\n"
    local next_block = pool:decide(function()
      local given = chunk
      chunk = nil
      return given, 1
    end)
    local block = assert(next_block())
    local rows = {}
    for i = 1, #block.changes, 4 do
      local record, tag, day, byte = table.unpack(block.changes, i, i + 3)
      rows[#rows + 1] = ("%s tag %d day %d %s"):format(block.ids[record], tag, day, string.char(byte))
    end
    return rows, block
  end

  it("tells what changes, of whom, and when", function()
    local rows, block = changes([[
      fields { seen = date, orders = integer }
      tag "Old" { when = function(user) return days_since(user.seen) > 3 end }
      tag "VIP" { when = function(user) return user.orders > 3 end }
      tag "Fresh" { when = function(user) return hours_since(user.seen) < 48 and user.orders > 0 end }
    ]], {
      '{"id":"U1","seen":"2026-11-20","orders":9}', '{"id":"U2","seen":"2026-11-01","orders":1}',
      '{"id":"U3","seen":null,"orders":0}',
    }, 10)
    assert.same({ "U1 tag 3 day 1 -", "U1 tag 1 day 3 +" }, rows)
    assert.same({ "-++", "+--", "?-?" }, block.wants)
    assert.equal(2, #block.unknown)
    assert.equal(1, block.unknown[1].count) -- of the first moment alone
  end)

  it("asks no rule again that did not ask for the time", function()
    local _, block = changes([[
      fields { orders = integer }
      tag "Slow" { when = function(user) local n = 0 for i = 1, 3000000 do n = n + i end return n > user.orders end }
    ]], { '{"id":"U1","orders":9}' }, 3000) -- a minute and more, if it did
    assert.equal("+", block.wants[1])
  end)
end)
