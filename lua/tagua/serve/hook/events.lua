--- Events of one's own systems: a JSON object, an array of them, or one to a line.
--
-- `{ id?, user, type, at?, ... }`: `user` and `id` are texts or whole numbers; `at` is ISO 8601 with a zone, seconds
-- or milliseconds since 1970, or missing: now. All else that is a text, a number or a boolean is a field, by its path.
-- Unlike a platform's webhook it is refused as a whole where one event is wrong: whoever sends it can mend it.
-- @module tagua.serve.hook.events
local event = require("tagua.events.event")
local flat = require("tagua.events.flat")
local json = require("tagua.json")
local reading = require("tagua.serve.hook.reading")

local M = {}

local EXCEPT = { connection = true, id = true, user = true, type = true, at = true }
-- From here on a number is milliseconds: seconds have this many in the year 5138.
local MILLISECONDS = 100000000000

local DAYS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

-- Days from 1970-01-01 to a day of the Gregorian calendar.
local function days_before(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  local era_days = 365 * year + year // 4 - year // 100 + year // 400
  return era_days + (153 * (month - 3) + 2) // 5 + day - 719469
end

local function is_leap(year) return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0) end

-- ISO 8601 with a zone -> milliseconds since the epoch, or nothing.
local function parse_moment(text)
  local year, month, day, hour, minute, rest = text:match("^(%d%d%d%d)-(%d%d)-(%d%d)[T ](%d%d):(%d%d)(.*)$")
  if not year then return nil end
  local seconds, fraction, zone = rest:match("^:(%d%d)%.?(%d*)(.*)$")
  if not seconds then seconds, fraction, zone = "00", "", rest end
  local sign, zone_hours, zone_minutes = zone:match("^([+-])(%d%d):?(%d%d)$")
  if zone == "Z" or zone == "z" then sign, zone_hours, zone_minutes = "+", "00", "00" end
  if not sign then return nil end
  local y, mo, d = math.tointeger(year), math.tointeger(month), math.tointeger(day)
  local h, mi, s = math.tointeger(hour), math.tointeger(minute), math.tointeger(seconds)
  local last = mo >= 1 and mo <= 12 and (mo == 2 and is_leap(y) and 29 or DAYS[mo]) or 0
  if y < 1970 or d < 1 or d > last or h > 23 or mi > 59 or s > 60 then return nil end
  local offset = (math.tointeger(zone_hours) * 60 + math.tointeger(zone_minutes)) * 60
  if offset > 86400 then return nil end
  local moment = days_before(y, mo, d) * 86400 + h * 3600 + mi * 60 + s - (sign == "+" and offset or -offset)
  return moment * 1000 + math.tointeger(tonumber((fraction .. "000"):sub(1, 3)))
end

--- When an event happened.
-- @param value as it stands in JSON
-- @tparam integer now milliseconds since the epoch
-- @treturn integer|nil milliseconds since the epoch
function M.moment(value, now)
  if value == nil then return now end
  if type(value) == "string" then return parse_moment(value) end
  if math.type(value) == nil or value ~= value or value < 0 or value > 253402300799999 then return nil end
  return (value >= MILLISECONDS and value or value * 1000) // 1 | 0
end

--- One object of a body as an event.
-- @param object as it stands in JSON
-- @tparam string connection
-- @tparam integer now milliseconds since the epoch
-- @treturn table|nil as the inbox takes it
-- @treturn string what is wrong
function M.event(object, connection, now)
  if type(object) ~= "table" or object[1] ~= nil then return nil, "an event is a JSON object" end
  local made = {
    connection = connection, source = "events", user = reading.text(object.user), type = object.type,
    at = M.moment(object.at, now), id = reading.text(object.id), fields = flat.fields(object, EXCEPT),
  }
  if object.user ~= nil and not made.user then return nil, "user is neither a text nor a whole number" end
  if object.id ~= nil and not made.id then return nil, "id is neither a text nor a whole number" end
  if not made.at then
    return nil, "at is no moment: write 2026-11-21T09:30:00Z (with a zone), or a number of seconds or milliseconds"
  end
  local text, message = event.check(made)
  if not text then return nil, (message:gsub("^an event cannot be taken: ", "")) end
  made.text = text
  return made
end

--- The objects of a body.
-- @tparam string text an object, an array of them, or one to a line
-- @treturn table|nil a list, of whatever stands there
-- @treturn string what is wrong
function M.objects(text)
  local value, message = json.decode(text)
  if type(value) == "table" then
    local is_array = text:find("^%s*%[")
    return is_array and value or { value }
  elseif value ~= nil then
    return nil, "the body is neither an object, an array of objects, nor one object to a line"
  elseif not text:find("\n[ \t\r]*{") then -- no %s: over many empty lines it would look at each from each
    return nil, message
  end
  local list, number = {}, 0
  for line in text:gmatch("[^\n]*") do
    number = number + 1
    if line:find("%S") then
      value, message = json.decode(line)
      if value == nil then return nil, ("line %d: %s"):format(number, message) end
      list[#list + 1] = value
      if #list > reading.MOST_EVENTS then break end
    end
  end
  return list
end

--- The events of a body.
-- @tparam string text
-- @tparam string connection
-- @tparam integer now milliseconds since the epoch
-- @treturn table|nil see `tagua.serve.hook.reading`
-- @treturn string what is wrong, and with which event
function M.read(text, connection, now)
  local objects, message = M.objects(text)
  if not objects then return nil, message end
  if #objects > reading.MOST_EVENTS then
    return nil, ("more than %d events: send them in several requests"):format(reading.MOST_EVENTS)
  end
  local result = reading.result()
  for i, object in ipairs(objects) do
    local made
    made, message = M.event(object, connection, now)
    if not made then return nil, ("event %d: %s"):format(i, message) end
    result.events[i] = made
  end
  return result
end

return M
