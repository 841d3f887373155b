--- The hours in which a connection sends: "10:00-21:00" on a zone's own clock. Pure: takes the time as
-- an argument.
-- @module tagua.hours
local M = {}

local DAY, HALF_DAY = 86400, 43200

-- "10:00" in seconds since midnight on the clock.
local function clock_time(text)
  local hour, minute = text:match("^(%d%d?):(%d%d)$")
  hour, minute = math.tointeger(tonumber(hour)), math.tointeger(tonumber(minute))
  if not hour or minute > 59 or hour > 24 or (hour == 24 and minute > 0) then
    return nil
  end
  return hour * 3600 + minute * 60
end

--- Reads hours.
-- @tparam string text `10:00-21:00`; `21:00-02:00` goes past midnight
-- @treturn table|nil `{ from =, to = }` in seconds since midnight
-- @treturn string what is wrong
function M.parse(text)
  local first, last = text:match("^%s*(%S-)%s*%-%s*(%S+)%s*$")
  local from, to = clock_time(first or ""), clock_time(last or "")
  if not from or not to or from == to or from == DAY then
    return nil, ("must be hours such as '10:00-21:00', got '%s'"):format(text)
  end
  return { from = from, to = to }
end

--- Whether a connection may send now, and when it may next.
-- @tparam table window from `parse`
-- @tparam zone zone of core.zone
-- @tparam integer t seconds since the epoch
-- @treturn boolean
-- @treturn ?integer when the hours begin, when they do not include `t`
function M.open(window, zone, t)
  local clock = (t + zone:offset(t)) % DAY
  local inside
  if window.from < window.to then
    inside = clock >= window.from and clock < window.to
  else
    inside = clock >= window.from or clock < window.to
  end
  if inside then
    return true
  end
  local start = zone:day_start(t)
  if clock >= window.from then
    start = zone:day_start(start + DAY + HALF_DAY) -- whatever the clock does that night
  end
  local text = ("%s %02d:%02d"):format(zone:format(start):sub(1, 10), window.from // 3600, window.from % 3600 // 60)
  return false, assert(zone:parse(text))
end

return M
