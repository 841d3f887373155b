-- The rules run in this state: the worker's answers have a spec of their own (rules_asking_spec).
local core = require("tagua.core")
local rules = require("tagua.rules")
local why = require("tagua.why")

local NOON = 1795233600 -- 2026-11-21 12:00 in Taipei

local function explain(source, given, tag, options)
  options = options or {}
  local set = assert(rules.load({ source = source, name = "rules.lua" }))
  local position, place
  for i, rule in ipairs(set.rules) do
    for at = rule.first, rule.first + rule.count - 1 do
      if set.tags[at].name == tag then position, place = i, at - rule.first + 1 end
    end
  end
  local zone = assert(core.zone.open(set.zone))
  local record = { values = given, states = options.states or {} }
  local function ask(records, trace)
    return set.words:ask({ rule = position, at = NOON, records = records, trace = trace })
  end
  local first = ask({ record }, true)[1]
  local read = {}
  for _, name in ipairs(first.reads) do read[name] = true end
  local fields = {}
  for _, field in ipairs(set.fields) do
    if read[field.name] then fields[#fields + 1] = field end
  end
  local numbers, texts = why.constants(source)
  local wanted = first.wants:sub(place, place) == "+" and "-" or "+"
  local misses, message = why.misses({
    fields = fields, record = record, ask = ask, tag = place, wanted = wanted, numbers = numbers, texts = texts,
    samples = options.samples, zone = zone, at = NOON,
  })
  local function want_with(field, value)
    local values = {}
    for name, one in pairs(given) do values[name] = one end
    values[field] = value
    return ask({ { values = values, states = {} } })[1].wants:sub(place, place)
  end
  return misses, want_with, wanted, message, zone
end

local function first_miss(source, given, tag, options)
  return (explain(source, given, tag, options)[1])
end

local function nearest(source, given, tag, options)
  local miss = first_miss(source, given, tag, options)
  return miss and miss.field.name, miss and miss.value
end

describe("the nearest miss", function()
  it("is the number at which the rule decides otherwise", function()
    local source = 'fields { orders = integer } tag "VIP" { when = function(user) return user.orders >= 10 end }'
    assert.same({ "orders", 10 }, { nearest(source, { orders = 9 }, "VIP") })
    assert.same({ "orders", 10 }, { nearest(source, { orders = -123456 }, "VIP") })
    assert.same({ "orders", 9 }, { nearest(source, { orders = 4000000 }, "VIP") })
  end)

  it("is exact far away, where no constant helps", function()
    local source = 'fields { n = integer } tag "T" { when = function(user) return user.n // 7 > 1234567 * 89 end }'
    assert.same({ "n", (1234567 * 89 + 1) * 7 }, { nearest(source, { n = 3 }, "T") })
  end)

  it("finds a window between two numbers", function()
    local source = [[fields { n = number }
      tag "T" { when = function(user) return user.n >= 51234 and user.n < 51235 end }]]
    assert.same({ "n", 51234.0 }, { nearest(source, { n = 1.0 }, "T") })
    assert.same({ "n", 51234.99 }, { nearest(source, { n = 99999.0 }, "T") })
  end)

  it("counts in the decimals that the rule and the value have", function()
    local source = 'fields { n = number } tag "T" { when = function(user) return user.n > %s end }'
    assert.same({ "n", 30000.01 }, { nearest(source:format("30000"), { n = 690.0 }, "T") })
    assert.same({ "n", 0.126 }, { nearest(source:format("0.125"), { n = 0.1 }, "T") })
  end)

  it("is a day for a date", function()
    local source = 'fields { seen = date } tag "Old" { when = function(user) return days_since(user.seen) > 90 end }'
    local field, value = nearest(source, { seen = NOON - 80 * 86400 }, "Old")
    local zone = assert(core.zone.open("Asia/Taipei"))
    assert.equal("2026-08-22 00:00:00", zone:format(value))
    assert.equal("seen", field)
  end)

  it("is the other one for a boolean", function()
    local source = 'fields { member = boolean } tag "T" { when = function(user) return not user.member end }'
    assert.same({ "member", false }, { nearest(source, { member = true }, "T") })
  end)

  it("is a text that the rule or the input knows", function()
    local source = 'fields { city = text } tag "North" { when = function(user) return user.city == "台北" end }'
    assert.same({ "city", "台北" }, { nearest(source, { city = "高雄" }, "North") })
    local longer = 'fields { city = text } tag "Long" { when = function(user) return #user.city > 6 end }'
    assert.is_nil((nearest(longer, { city = "高雄" }, "Long")))
    assert.same({ "city", "桃園市區" }, { nearest(longer, { city = "高雄" }, "Long",
      { samples = { city = { "台中", "桃園市區" } } }) })
  end)

  it("is a tag more or less", function()
    local source = [[fields { tags = tagset }
      tag "T" { when = function(user) return user.tags["VIP"] and not user.tags["Blocked"] end }]]
    assert.equal("VIP", first_miss(source, { tags = {} }, "T").with)
    assert.equal("Blocked", first_miss(source, { tags = { "VIP", "Blocked" } }, "T").without)
  end)

  it("tells what value would decide where there is none", function()
    local source = 'fields { orders = integer } tag "VIP" { when = function(user) return user.orders >= 10 end }'
    assert.same({ "orders", 10 }, { nearest(source, {}, "VIP") })
    assert.same({ "orders", 10 }, { nearest(source, {}, "VIP", { states = { orders = "bad" } }) })
  end)

  it("counts from the value that stands for an empty one", function()
    local source = [[fields { orders = integer { if_empty = 8 } }
      tag "VIP" { when = function(user) return user.orders >= 10 or user.orders < 2 end }]]
    assert.same({ "orders", 10 }, { nearest(source, {}, "VIP") })
  end)

  it("goes by what the decision read, so that another field is never named in vain", function()
    local misses = explain([[fields { a = integer, b = integer }
      tag "T" { when = function(user) return user.a > 5 and user.b > 5 end }]], { a = 1, b = 1 }, "T")
    assert.same({}, misses) -- no change of one field is enough
  end)

  it("is the smallest of several", function()
    local source = [[fields { orders = integer, spend = number }
      tag "VIP" { when = function(user) return user.orders >= 10 or user.spend >= 30000 end }]]
    assert.same({ "orders", 10 }, { nearest(source, { orders = 9, spend = 100.0 }, "VIP") })
    assert.same({ "spend", 30000.0 }, { nearest(source, { orders = 1, spend = 29000.0 }, "VIP") })
  end)

  it("is told for a member of a one_of, too", function()
    local source = [[fields { spend = number }
      one_of "Tier" {
        { "Gold", function(user) return user.spend >= 50000 end },
        { "Silver", function(user) return user.spend >= 10000 end },
        { "Bronze", otherwise },
      }]]
    assert.same({ "spend", 49999.99 }, { nearest(source, { spend = 60000.0 }, "Silver") })
    assert.same({ "spend", 10000.0 }, { nearest(source, { spend = 3.0 }, "Silver") })
    assert.same({ "spend", 9999.99 }, { nearest(source, { spend = 60000.0 }, "Bronze") })
  end)

  it("is looked for no longer where the rule takes too long", function()
    local asked = 0
    local misses, message = why.misses({
      fields = { { name = "n", type = "integer" } }, record = { values = { n = 1 }, states = {} }, tag = 1, wanted = "+",
      numbers = {}, texts = {}, at = NOON,
      ask = function()
        asked = asked + 1
        return { { wants = "-" }, { wants = "!", failed = "rules.lua:1: tag 'T' ran out of time" } }
      end,
    })
    assert.same({}, misses)
    assert.matches("ran out of time", message)
    assert.equal(1, asked)
  end)

  it("flips the decision, for 1,000 random users", function()
    local source = [[
      timezone "Europe/Berlin"
      fields { orders = integer { if_empty = 0 }, spend = number, seen = date, member = boolean, city = text }
      tag "T" {
        when = function(user)
          if user.member and user.orders >= 5 then return true end
          if user.city == "台北" then return user.spend > 1200.5 end
          return user.orders * 100 + user.spend // 7 > 3210 and days_since(user.seen) <= 30
        end,
      }]]
    local seed = 20261121
    local function random(n)
      seed = (seed * 6364136223846793005 + 1442695040888963407)
      return ((seed >> 33) % n)
    end
    local cities = { "台北", "高雄", "台中" }
    local flipped, without = 0, 0
    local set_misses = 0
    for _ = 1, 1000 do
      local user = {
        orders = random(4) > 0 and random(60) or nil, spend = random(8) > 0 and random(3000000) / 100 or nil,
        seen = random(10) > 0 and NOON - random(200 * 86400) or nil, member = random(2) == 0, city = cities[random(3) + 1],
      }
      local misses, want_with, wanted = explain(source, user, "T")
      for _, miss in ipairs(misses) do
        assert.equal(wanted, want_with(miss.field.name, miss.value))
        if miss.field.type == "integer" and user.orders then
          local toward = miss.value > user.orders and miss.value - 1 or miss.value + 1
          if toward ~= user.orders then assert.not_equal(wanted, want_with("orders", toward)) end
        end
        set_misses = set_misses + 1
      end
      if misses[1] then
        flipped = flipped + 1
      else -- none was missed: others find none either
        without = without + 1
        for _ = 1, 5 do
          assert.not_equal(wanted, want_with("orders", random(100)))
          assert.not_equal(wanted, want_with("spend", random(9000000) / 100))
          assert.not_equal(wanted, want_with("seen", NOON - random(400 * 86400)))
          assert.not_equal(wanted, want_with("city", cities[random(3) + 1]))
        end
        assert.not_equal(wanted, want_with("member", not user.member))
      end
    end
    assert.is_true(flipped > 700, ("%d of 1,000 had a miss, %d had none"):format(flipped, without))
    assert.is_true(set_misses > 1000)
  end)
end)

describe("the constants of a rule file", function()
  it("are its numbers and texts, without comments", function()
    local numbers, texts = why.constants([[
      -- 99 bottles, "none"
      if user.n1 >= 10 or user.x < 0.25 or user.y == 1e6 then return user.city == '高雄' or user.city == "a 5" end
      --[=[ 7 ]=] --[[ 8
      ]].."]]")
    assert.same({ 10, 0.25, 1e6 }, numbers)
    assert.same({ "高雄", "a 5" }, texts)
  end)
end)
