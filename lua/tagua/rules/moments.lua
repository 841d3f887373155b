--- The clock of a run: what now, today, days_since, hours_since and time mean in a rule file.
-- Runs inside the sandbox as part of the trusted prelude, and in the caller's own state.
-- @module tagua.rules.moments
local options = require("tagua.options")

local M = {}

local UNITS = { m = 60, h = 3600, d = 86400, w = 7 * 86400 }

--- The words for moments.
-- @tparam function zone gives the ruleset's zone
-- @tparam function now gives the run's moment: seconds since the epoch, or nil while there is none
-- @treturn table by name
function M.words(zone, now)
  local function ticking(word)
    local clock = now()
    if not clock then error(word .. " has no meaning while the rules are loaded: ask inside a rule", 3) end
    return clock
  end

  local function moment(word, value)
    if math.type(value) then return value end
    if value == nil then error(word .. ": the date has no value", 3) end
    error(("%s wants a date, got %s"):format(word, options.quote(value)), 3)
  end

  local words = {}

  function words.now()
    local at = ticking("now()") -- not a tail call: the error names the caller's line
    return at
  end

  function words.today()
    return zone():day_start(ticking("today()"))
  end

  function words.days_since(value)
    local at = moment("days_since", value)
    return zone():days_between(math.tointeger(at // 1), ticking("days_since"))
  end

  function words.hours_since(value)
    local at = moment("hours_since", value)
    return (ticking("hours_since") - at) / 3600
  end

  function words.time(value)
    if type(value) ~= "string" then error('time wants a text: time "2026-11-11 00:00"', 2) end
    local at, message = zone():parse(value)
    if not at then error("time: " .. message, 2) end
    return at
  end

  return words
end

--- A length of time, "30d": minutes, hours, days or weeks.
-- @tparam string text
-- @treturn integer|nil seconds
function M.duration(text)
  local count, unit = text:match("^(%d+)([mhdw])$")
  count = count and #count <= 6 and math.tointeger(tonumber(count))
  return count and count > 0 and count * UNITS[unit] or nil
end

return M
