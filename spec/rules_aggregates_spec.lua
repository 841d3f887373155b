local aggregates = require("tagua.events.aggregates")
local rules = require("spec.support.rules")
local snapshot = require("tagua.events.snapshot")

local function file(fields, body, more)
  return ("fields { %s }\ntag \"T\" { when = function(user) %s end }\n%s"):format(fields, body, more or "")
end

-- What a test of the file came to: true, or its message.
local function tested(source)
  local pool <close> = rules.pool()
  assert(pool:load({ source = source, name = "rules.lua" }))
  local results = assert(pool:test({ at = rules.NOON }))
  return results[1].ok or results[1].message
end

-- A test that reads one aggregate of some events.
local function told(aggregate, events, body, at)
  return tested(file("x = " .. aggregate, body, ([[
    test "told" { events = { %s }, at = %q, expect = { T = true } }
  ]]):format(events, at or "2026-11-21 12:00")))
end

describe("aggregates", function()
  it("are fields with a type of their own", function()
    local ruleset = assert(rules.load(file(
      [[
        purchases_30d = count("purchase", { within = "30d" }),
        spend_90d = sum("purchase", "amount", { within = "90d" }),
        last_seen = latest("*"),
        joined = first("follow"),
        asked_price = any("message", { text = matches "多少錢", channel = "line" }),
      ]],
      "return user.purchases_30d > 0 or user.spend_90d > 0 or user.asked_price or user.joined > user.last_seen"
    )))
    local types = {}
    for _, field in ipairs(ruleset.fields) do
      types[field.name] = field.type
    end
    assert.same({
      purchases_30d = "integer",
      spend_90d = "number",
      last_seen = "date",
      joined = "date",
      asked_price = "boolean",
    }, types)
    assert.same({
      kind = "any",
      event = "message",
      conditions = { { name = "channel", value = "line" }, { name = "text", text = "多少錢" } },
    }, ruleset.fields[1].aggregate)
    assert.equal(90 * 86400, ruleset.fields[5].aggregate.within)
    assert.equal("amount", ruleset.fields[5].aggregate.amount)
  end)

  it("take a value that the record brings in a column of their name", function()
    local source = file('n = count("purchase"), last = latest("*")', 'return user.n == 3 and user.last == time "2026-11-20"')
    assert.same({ T = true }, rules.want(source, '"n": 3, "last": "2026-11-20"'))
  end)

  it("are unknown where a record does not bring them", function()
    local wants, block = rules.want(file('n = count("purchase")', "return user.n == 0"), '"other": 1')
    assert.same({ T = "unknown" }, wants)
    assert.equal("n", block.unknown[1].field)
  end)

  for source, problem in pairs({
    ["x = count"] = "field 'x': count wants the type of the events: count(\"purchase\")",
    ["x = matches"] = "field 'x': matches belongs into the conditions of count, sum, latest, first or any",
    ["x = matches \"y\""] = "field 'x' wants a type: text, integer, number, boolean, date or tagset; got a table",
    ["x = count()"] = "count wants the type of the events, or \"*\" for all, in quotes, got nil",
    ["x = count(\"\")"] = "count: the type of the events, or \"*\" for all, must be 1 to 200 bytes long, got 0",
    ["x = count(\"a\", \"30d\")"] = "count wants its options in braces: { within = \"30d\" }; got '30d'",
    ["x = count(\"a\", \"b\", {})"] = "count takes the type of the events and its options alone",
    ["x = count(\"a\", { within = 30 })"] = "count: option 'within' must be a length of time, such as \"30d\" (m, h, "
      .. "d or w), got 30",
    ["x = count(\"a\", { whithin = \"30d\" })"] = "count: unknown option 'whithin' (did you mean 'within'?)",
    ["x = count(\"a\", { \"30d\" })"] = "count: options are written with their names, within = \"30d\"; got '30d'",
    ["x = any(\"a\", { text = matches })"] = "any: text = matches wants a text: matches \"...\"",
    ["x = any(\"a\", { text = matches \"\" })"] = "matches wants the text that the event's field contains: matches "
      .. "\"...\"; got ''",
    ["x = any(\"a\", { text = {} })"] = "any: the event's field 'text' is compared with a text, a number, true or "
      .. "false, or with matches \"...\"; got a table",
    ["x = sum(\"purchase\", { within = \"30d\" })"] = "sum wants the field of the events that it adds up: "
      .. "sum(\"purchase\", \"amount\"); got a table",
    ["x = sum(\"purchase\")"] = "sum wants the field of the events that it adds up: sum(\"purchase\", \"amount\"); got nil",
  }) do
    it(("do not take %s"):format(source), function()
      assert.equal("rules.lua:1: " .. problem, rules.rejection(file(source, "return user.x")))
    end)
  end

  it("take a length of time for the value of another field", function()
    assert.is_truthy(rules.load(file('x = count("a", { size = "30d", width = 3 })', "return user.x > 0")))
  end)

  it("cannot be written to, as no word of the language can", function()
    assert.matches("'count' is a word of the rule language", rules.rejection("count = 1"), 1, true)
  end)

  it("name the field that a rule misspells", function()
    local message = rules.rejection(file('purchases = count("purchase")', "return user.purchase > 0"))
    assert.matches("did you mean 'purchases'?", message, 1, true)
  end)
end)

describe("a test with events", function()
  local SHOP = [[
    { type = "purchase", at = "2026-11-01 12:00", amount = 300, channel = "web" },
    { type = "purchase", at = "2026-10-22 12:00:01", amount = 0.1 },
    { type = "purchase", at = "2026-10-22 12:00", amount = 0.2 },
    { type = "message", at = 1763913600, message = { text = "這個多少錢？" } },
    { type = "purchase", at = "2026-11-21 12:00:01", amount = 5000 },
  ]]

  it("counts what happened within the window, and not yet what is to come", function()
    assert.is_true(told('count("purchase")', SHOP, "return user.x == 3"))
    assert.is_true(told('count("purchase", { within = "30d" })', SHOP, "return user.x == 2"))
    assert.is_true(told('count("purchase", { within = "30d" })', SHOP, "return user.x == 2", "2026-11-21 12:00:01"))
    assert.is_true(told('count("purchase", { within = "30d" })', SHOP, "return user.x == 3", "2026-11-21 11:59:59"))
    assert.is_true(told('count("*")', SHOP, "return user.x == 4"))
    assert.is_true(told('count("visit")', SHOP, "return user.x == 0"))
    assert.is_true(told('count("purchase", { channel = "web" })', SHOP, "return user.x == 1"))
    assert.is_true(told('count("purchase", { amount = 300.0 })', SHOP, "return user.x == 1"))
    assert.is_true(told('count("purchase", { amount = "300" })', SHOP, "return user.x == 0"))
  end)

  it("adds up amounts exactly", function()
    assert.is_true(told('sum("purchase", "amount")', SHOP, "return user.x == 300.3"))
    assert.is_true(told('sum("purchase", "amount", { within = "19d" })', SHOP, "return user.x == 0"))
    assert.is_true(told('sum("message", "amount")', SHOP, "return user.x == 0"))
    assert.is_true(told('sum("p", "a")', '{ type = "p", at = "2026-11-01", a = " 12.5 " }', "return user.x == 12.5"))
  end)

  it("does not decide on a sum to which an amount belongs that is none", function()
    local events = '{ type = "p", at = "2026-11-01", a = "NT$300" }, { type = "p", at = "2026-11-02", a = 1 }'
    assert.equal("T: expected true, got unknown (x has no value)", told('sum("p", "a")', events, "return user.x > 0"))
    assert.is_true(told('sum("p", "a", { within = "20d" })', events, "return user.x == 1"))
    local large = '{ type = "p", at = "2026-11-01", a = 1e11 }'
    assert.equal("T: expected true, got unknown (x has no value)", told('sum("p", "a")', large, "return user.x > 0"))
  end)

  it("knows the first and the last moment, and where there is none", function()
    assert.is_true(told('latest("purchase")', SHOP, 'return user.x == time "2026-11-01 12:00"'))
    assert.is_true(told('first("purchase")', SHOP, 'return user.x == time "2026-10-22 12:00"'))
    assert.is_true(told('first("purchase", { within = "20d" })', SHOP, 'return not has(user, "x")'))
    assert.is_true(told('first("purchase", { within = "30d" })', SHOP, 'return user.x == time "2026-10-22 12:00:01"'))
    assert.equal("T: expected true, got unknown (x has no value)", told('latest("visit")', SHOP, "return user.x > 0"))
  end)

  it("finds a text within a text, to the letter", function()
    assert.is_true(told('any("message", { ["message.text"] = matches "多少錢" })', SHOP, "return user.x"))
    assert.is_true(told('any("message", { ["message.text"] = matches "%a" })', SHOP, "return user.x == false"))
    assert.is_true(told('any("message", { ["message.text"] = "多少錢" })', SHOP, "return user.x == false"))
    assert.is_true(told('any("purchase", { amount = matches "3" })', SHOP, "return user.x == false"))
  end)

  it("takes an event with an id once, in any order", function()
    local twice = '{ id = "a", type = "p", at = "2026-11-02" }, { id = "a", type = "p", at = "2026-11-01" }'
    assert.is_true(told('count("p")', twice, "return user.x == 1"))
  end)

  it("reads a plain field off the newest event that carries it", function()
    local source = file("city = text, age = integer, vip = boolean, since = date, other = text", [[
      return user.city == "台北" and user.age == 31 and user.vip == false and user.since == time "2026-01-02"
    ]], [[
      test "told" {
        events = {
          { type = "profile", at = "2026-11-03", city = "台北" },
          { type = "profile", at = "2026-11-01", city = "高雄", age = "31", vip = false, since = "2026-01-02" },
          { type = "visit", at = "2026-11-05" },
        }, at = "2026-11-21", expect = { T = true },
      }
      test "not told" {
        events = { { type = "visit", at = "2026-11-05" } }, at = "2026-11-21", expect = { T = leave },
      }
    ]])
    assert.is_true(tested(source))
  end)

  it("lets the user's own fields stand", function()
    local source = file('n = count("p"), city = text', 'return user.n == 7 and user.city == "台北"', [[
      test "both" {
        user = { n = 7 }, events = { { type = "p", at = "2026-11-01", city = "台北" } }, at = "2026-11-21",
        expect = { T = true },
      }
    ]])
    assert.is_true(tested(source))
  end)

  it("knows nothing of events where it gives none", function()
    local source = file('n = count("p")', "return user.n == 0", 'test "none" { user = {}, expect = { T = leave } }')
    assert.is_true(tested(source))
  end)

  for given, problem in pairs({
    ['events = {}, expect = {}'] = "events are told from a moment: add at = \"2026-11-21 09:00\"",
    ['expect = {}'] = "option 'user' is missing",
    ['events = { 1 }, at = "2026-11-21", expect = {}'] = "event 1 must be a table, { type = \"purchase\", at = "
      .. "\"2026-11-21\" }",
    ['events = { { at = 1 } }, at = "2026-11-21", expect = {}'] = "event 1 wants its type in quotes, type = "
      .. "\"purchase\"; got nil",
    ['events = { { type = "p" } }, at = "2026-11-21", expect = {}'] = "event 1 at: is missing, or no date: write it "
      .. "as text, such as \"2026-11-21 09:00\"",
    ['events = { { type = "p", at = 1, user = "U" } }, at = "2026-11-21", expect = {}'] = "event 1 has a user: the "
      .. "events of a test are its user's, leave it out",
    ['events = { type = "p", at = 1 }, at = "2026-11-21", expect = {}'] = "events wants a list, events = { { type = "
      .. "\"purchase\", at = \"2026-11-21\" }, ... }",
  }) do
    it(("does not take %s"):format(given), function()
      local message = rules.rejection(file("x = integer", "return user.x > 0", ('test "t" { %s }'):format(given)))
      assert.equal(("rules.lua:2: test 't': %s"):format(problem), (message:gsub("^rules.lua:3", "rules.lua:2")))
    end)
  end
end)

describe("a snapshot", function()
  it("does not depend on the order of the events", function()
    local ruleset = assert(rules.load(file(
      'n = count("a", { within = "2m" }), s = sum("*", "v"), l = latest("a"), f = first("*", { within = "3m" }), v = number',
      "return user.n > 0 or user.s > 0 or user.l > user.f or user.v > 1"
    )))
    local events = {}
    for i = 1, 40 do
      events[i] = {
        type = i % 3 == 0 and "a" or "b",
        at = 1700000000000 + i // 2 * 7000,
        id = i % 5 == 0 and "id" .. i or nil,
        fields = { v = i % 7 ~= 0 and i / 10 or nil },
      }
    end
    local before
    for round = 1, 20 do
      local taken = snapshot.new(ruleset.fields, 1700000000000 + 130000)
      for i = #events, 2, -1 do
        local j = math.random(i)
        events[i], events[j] = events[j], events[i]
      end
      for _, event in ipairs(events) do
        taken:add(event)
      end
      before = before or taken:read()
      assert.same(before, taken:read(), "round " .. round)
    end
  end)

  it("tells aggregates apart by all that they say, and no more", function()
    local function key(text)
      return aggregates.key(assert(rules.load(file("x = " .. text, "return user.x ~= nil"))).fields[1].aggregate)
    end
    assert.equal(key('count("a", { b = 1, c = 2 })'), key('count("a", { c = 2.0, b = 1 })'))
    assert.equal(key('count("a", { within = "1d" })'), key('count("a", { within = "24h" })'))
    local all, count = {}, 0
    for _, text in ipairs({
      'count("a")',
      'any("a")',
      'count("b")',
      'count("a", { within = "1d" })',
      'count("a", { b = 1 })',
      'count("a", { b = "1" })',
      'count("a", { b = matches "1" })',
      'count("a", { b = true })',
      'count("a", { b = "true" })',
      'sum("a", "b")',
      'sum("a", "c")',
    }) do
      all[key(text)], count = true, count + 1
    end
    for _ in pairs(all) do
      count = count - 1
    end
    assert.equal(0, count)
  end)
end)
