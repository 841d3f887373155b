-- A forecast from a file of events is what deciding everybody anew on each day would come to.
local core = require("tagua.core")
local events_file = require("tagua.events.file")
local forecast = require("tagua.forecast")
local input = require("tagua.input")
local json = require("tagua.json")
local pools = require("spec.support.rules")
local rules = require("tagua.rules")
local snapshot = require("tagua.events.snapshot")
local support = require("spec.support")

local DAY = 86400

local SOURCE = [[
fields {
  n = count("a", { within = "20d" }), s = sum("*", "v", { within = "9d" }), l = latest("*"),
  f = first("b", { within = "30d" }), y = any("b", { within = "15d", v = 3 }), all = count("*"),
}
tag "Often" { when = function(user) return user.n >= 2 end }
tag "Big" { when = function(user) return user.s >= 6 and user.all > 1 end }
tag "Dormant" { when = function(user) return days_since(user.l) > 12 end }
tag "Fresh" { when = function(user) return has(user, "f") and days_since(user.f) < 10 end }
tag "Both" { when = function(user) return user.y or hours_since(user.l) < 100 end }
]]

describe("a forecast from events", function()
  local function check(seed)
    math.randomseed(seed)
    local folder, remove = support.folder()
    local pool <close> = pools.pool()
    local ruleset = assert(pool:load({ source = SOURCE, name = "rules.lua" }))
    local zone <close> = core.zone.open(ruleset.zone)
    local at = pools.NOON + 1234
    local by_user, lines = {}, {}
    for i = 1, 150 do
      local one = { user = "U" .. math.random(12), type = math.random(2) == 1 and "a" or "b",
        at = at + DAY - math.random(40 * DAY), v = math.random(2) == 1 and math.random(4) or nil }
      lines[i] = json.encode(one)
      if one.at <= at then
        by_user[one.user] = by_user[one.user] or {}
        table.insert(by_user[one.user], { type = one.type, at = one.at * 1000, fields = { v = one.v } })
      end
    end
    support.write(folder .. "/events.jsonl", table.concat(lines, "\n"))
    local days = forecast.days(zone, at, at + 45 * DAY)

    local here = assert(rules.load({ source = SOURCE, name = "rules.lua" }))
    local expected, before = {}, {}
    for day = 0, #days do
      local moment = day == 0 and at or days[day]
      expected[day] = {}
      for user, happened in pairs(by_user) do
        local taken, record = snapshot.new(here.fields, moment * 1000), {}
        for _, event in ipairs(happened) do
          taken:add(event)
        end
        for name, told in pairs(taken:read()) do
          record[name] = told.value == nil and "" or told.value
        end
        local wants = here:decide(record, moment)
        for _, tag in ipairs(here.tags) do
          local key = user .. tag.name
          if day > 0 and wants[tag.name] ~= before[key] and wants[tag.name] ~= nil then
            local what = tag.name .. (wants[tag.name] and " on" or " off")
            expected[day][what] = (expected[day][what] or 0) + 1
          end
          if wants[tag.name] ~= nil then before[key] = wants[tag.name] end
        end
      end
    end

    local opened = assert(input.open({ path = folder .. "/events.jsonl" }))
    local made = assert(events_file.open(opened, { ruleset = ruleset, at = at, days = days }))
    assert(pool:input({ format = "jsonl", at = at, days = days }))
    local told = assert(forecast.make({
      ruleset = ruleset, pool = pool, at = at, days = days, starts = made.starts,
      source = function() return made:next() end,
    }))
    made:close()
    remove()
    local users = 0
    for _ in pairs(by_user) do users = users + 1 end
    assert.equal(users, told.records.read)
    for day = 1, #days do
      local found = {}
      for _, tag in ipairs(told.days[day].tags) do
        if tag.on > 0 then found[tag.name .. " on"] = tag.on end
        if tag.off > 0 then found[tag.name .. " off"] = tag.off end
      end
      assert.same(expected[day], found, ("seed %d, day %d"):format(seed, day))
    end
  end

  for seed = 1, 6 do
    it("has everything leave its window on its day: " .. seed, function() check(seed) end)
  end
end)
