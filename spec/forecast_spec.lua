local core = require("tagua.core")
local forecast = require("tagua.forecast")
local rules = require("spec.support.rules")

-- A forecast of these lines of JSON -> "YYYY-MM-DD on off" of each day with a change, and all of it.
local function changes(source, lines, from, to, options)
  local pool <close> = rules.pool()
  local ruleset = assert(pool:load({ source = source, name = "rules.lua" }))
  local zone = assert(core.zone.open(ruleset.zone))
  local at = assert(zone:parse(from))
  local days = forecast.days(zone, at, assert(zone:parse(to)))
  assert(pool:input({ format = "jsonl", at = at, days = days }))
  local chunk = table.concat(lines, "\n") .. "\n"
  local made = assert(forecast.make({
    ruleset = ruleset, pool = pool, at = at, days = days, users_of = options and options.users_of,
    source = function()
      local given = chunk
      chunk = nil
      return given, 1
    end,
  }))
  local told = {}
  for _, day in ipairs(made.days) do
    if day.on + day.off > 0 then
      told[#told + 1] = ("%s %d %d"):format(zone:format(day.at, "%Y-%m-%d"), day.on, day.off)
    end
  end
  return told, made, zone
end

local OLD = 'fields { seen = date } tag "Old" { when = function(user) return days_since(user.seen) > %d end %s }'

describe("a forecast", function()
  it("counts who comes on and goes off, on the day that begins with it", function()
    assert.same({ "2026-11-24 1 0", "2026-11-26 2 0" }, (changes(OLD:format(3, ""), {
      '{"id":"U1","seen":"2026-11-20"}', '{"id":"U2","seen":"2026-11-22"}', '{"id":"U3","seen":"2026-11-22 23:59:59"}',
      '{"id":"U4","seen":"2026-01-01"}', '{"id":"U5","seen":null}',
    }, "2026-11-21 12:00", "2026-12-31")))
    assert.same({ "2026-11-23 0 1" }, (changes(
      'fields { seen = date } tag "New" { when = function(user) return days_since(user.seen) < 3 end }',
      { '{"id":"U1","seen":"2026-11-20"}' }, "2026-11-21 12:00", "2026-12-31")))
  end)

  it("has a moment's change at midnight on the day that it begins, and a second later on the next", function()
    local source = 'tag "T" { when = function() return now() >= time "%s" end }'
    assert.same({ "2026-12-01 1 0" }, (changes(source:format("2026-12-01 00:00"), { '{"id":"U1"}' }, "2026-11-21",
      "2026-12-31")))
    assert.same({ "2026-12-02 1 0" }, (changes(source:format("2026-12-01 00:00:01"), { '{"id":"U1"}' }, "2026-11-21",
      "2026-12-31")))
  end)

  it("passes month ends and leap days", function()
    assert.same({ "2027-03-01 1 0" }, (changes(OLD:format(28, ""), { '{"id":"U1","seen":"2027-01-31"}' },
      "2027-02-01 09:00", "2027-04-01")))
    assert.same({ "2028-02-29 1 0", "2028-03-01 1 0" }, (changes(OLD:format(29, ""), {
      '{"id":"U1","seen":"2028-01-30"}', '{"id":"U2","seen":"2028-01-31"}',
    }, "2028-02-01 09:00", "2028-04-01")))
  end)

  it("has one first moment for each day of a zone with summer time", function()
    for _, case in ipairs({
      { "Europe/Berlin", "2026-10-20 12:00", "2026-10-30" }, { "Europe/Berlin", "2026-03-25 23:30", "2026-04-02" },
      { "America/Havana", "2026-03-05 00:00", "2026-03-12" }, -- midnight itself is skipped there
      { "America/Sao_Paulo", "2018-11-01 01:00", "2018-11-08" },
    }) do
      local zone = assert(core.zone.open(case[1]))
      local days = forecast.days(zone, assert(zone:parse(case[2])), assert(zone:parse(case[3])) + 7200)
      local expected = zone:days_between(assert(zone:parse(case[2])), assert(zone:parse(case[3])) + 7200)
      assert.equal(expected, #days, case[1])
      for i, day in ipairs(days) do
        assert.equal(day, zone:day_start(day))
        assert.equal(i, zone:days_between(assert(zone:parse(case[2])), day))
      end
    end
    local berlin = 'timezone "Europe/Berlin" ' .. OLD:format(3, "")
    assert.same({ "2026-10-27 1 0" }, (changes(berlin, { '{"id":"U1","seen":"2026-10-23 23:59"}' }, "2026-10-24 01:00",
      "2026-10-30")))
  end)

  it("asks again what a rule wants when the answer goes back", function()
    local source = 'tag "Monday" { when = function() return (days_since(time "2026-11-23") % 7) == 0 end }'
    assert.same({ "2026-11-23 1 0", "2026-11-24 0 1", "2026-11-30 1 0", "2026-12-01 0 1" }, (changes(source,
      { '{"id":"U1"}' }, "2026-11-21", "2026-12-06")))
  end)

  it("begins and ends tags with their times", function()
    local source = 'tag "11.11" { when = function() return true end, starts = "2026-11-01", ends = "2026-11-14" %s }'
    assert.same({ "2026-11-01 2 0", "2026-11-14 0 2" }, (changes(source:format(""), { '{"id":"U1"}', '{"id":"U2"}' },
      "2026-10-21", "2026-12-31")))
    assert.same({ "2026-11-01 1 0" }, (changes(source:format(", never_remove = true"), { '{"id":"U1"}' }, "2026-10-21",
      "2026-12-31")))
  end)

  it("takes tags off when their time is over, once", function()
    assert.same({ "2026-11-24 1 0", "2026-11-29 0 1" }, (changes(OLD:format(3, ', lasts = "5d"'),
      { '{"id":"U1","seen":"2026-11-20"}' }, "2026-11-21 12:00", "2026-12-31")))
    assert.same({ "2026-11-24 1 0" }, (changes(OLD:format(3, ', lasts = "5d", renew = true'),
      { '{"id":"U1","seen":"2026-11-20"}' }, "2026-11-21 12:00", "2026-12-31")))
  end)

  it("never takes off what is never removed", function()
    assert.same({}, (changes('tag "T" { when = function() return now() < time "2026-12-01" end, never_remove = true }',
      { '{"id":"U1"}' }, "2026-11-21", "2026-12-31")))
  end)

  it("leaves out what is in the shadow, outside of a rollout, or held out", function()
    local line = { '{"id":"U1","seen":"2026-11-20"}' }
    for _, option in ipairs({ ", shadow = true", ', rollout = "0%"', ', holdout = "100%"' }) do
      assert.same({}, (changes(OLD:format(3, option), line, "2026-11-21", "2026-12-31")))
    end
    assert.same({ "2026-11-24 1 0" }, (changes(OLD:format(3, ', rollout = "100%", holdout = "0%"'), line, "2026-11-21",
      "2026-12-31")))
  end)

  it("moves users between members of a one_of", function()
    local told, made = changes([[
      fields { seen = date }
      one_of "Stage" {
        { "Fresh", function(user) return days_since(user.seen) < 3 end },
        { "Cool", function(user) return days_since(user.seen) < 6 end },
        { "Cold", otherwise },
      }]], { '{"id":"U1","seen":"2026-11-21"}' }, "2026-11-21 12:00", "2026-12-31")
    assert.same({ "2026-11-24 1 1", "2026-11-27 1 1" }, told)
    assert.same({ { name = "Cool", on = 1, off = 0 }, { name = "Fresh", on = 0, off = 1 } }, made.days[3].tags)
  end)

  it("adds the records up", function()
    local _, made = changes(OLD:format(3, ""), {
      '{"id":"U1","seen":"2026-11-20"}', '{"id":"U2","seen":null}', "nonsense",
      '{"id":"U3","seen":"2026-11-20"}',
    }, "2026-11-21", "2026-11-30")
    assert.same({ read = 4, decided = 2, unknown = 1, failed = 0, rejected = 1 }, made.records)
  end)

  it("is what deciding anew each day comes to, for random users", function()
    local source = [[
      timezone "America/New_York"
      fields { seen = date, orders = integer }
      tag "A" { when = function(user) return days_since(user.seen) > user.orders end }
      tag "B" { when = function(user) if user.orders > 20 then return true end
        return hours_since(user.seen) % 100 > 50 end }
      tag "C" { when = function(user) return user.orders > 10 end }
      tag "D" { when = function(user)
        if user.orders % 3 == 0 then return leave end
        return today() < user.seen + user.orders * 86400 end }
    ]]
    local seed, lines = 7, {}
    local function random(n)
      seed = seed * 6364136223846793005 + 1442695040888963407
      return (seed >> 33) % n
    end
    local zone = assert(core.zone.open("America/New_York"))
    local at = assert(zone:parse("2026-10-20 15:00"))
    for i = 1, 300 do
      lines[i] = ('{"id":"U%d","seen":%s,"orders":%d}'):format(i, random(9) == 0 and "null" or at - random(40 * 86400),
        random(30))
    end
    local _, made = changes(source, lines, "2026-10-20 15:00", "2026-11-20")
    local has = {}
    for day = 0, #made.days do
      local records = rules.decide(source, lines, { at = day == 0 and at or made.days[day].at })
      local on, off = 0, 0
      for _, record in ipairs(records) do
        for name, byte in pairs(record.wants) do
          local key = record.id .. name
          if byte == "+" then
            on = on + (has[key] and 0 or 1)
            has[key] = true
          elseif byte == "-" then
            off = off + (has[key] and 1 or 0)
            has[key] = false
          end
        end
      end
      if day > 0 then
        assert.equal(on, made.days[day].on, zone:format(made.days[day].at))
        assert.equal(off, made.days[day].off, zone:format(made.days[day].at))
      end
    end
  end)
end)
