--- Reads events out of lines of JSON, one to a line, as a file of them holds them. Pure.
-- @module tagua.events.reading
local flat = require("tagua.events.flat")
local json = require("tagua.json")
local options = require("tagua.options")

local M = {}

local ENVELOPE = { user = true, type = true, at = true, id = true }
local MILLISECONDS_FROM = 100000000000 -- a number as large as that counts milliseconds, not seconds

-- The id of a user or an event: a text, or the digits of a whole number.
local function id_of(value)
  if type(value) == "string" and value ~= "" then return value end
  return math.type(value) == "integer" and tostring(value) or nil
end

--- When an event happened.
-- @param value ISO 8601, in the zone where it has none of its own; or seconds or milliseconds since 1970
-- @param zone see core.zone
-- @treturn integer|nil milliseconds since the epoch
-- @treturn string what is wrong
function M.moment(value, zone)
  if math.type(value) and value == value then
    local whole = math.tointeger((value < MILLISECONDS_FROM and value * 1000 or value) // 1)
    if whole then return whole end
  elseif type(value) == "string" then
    local seconds, message = zone:parse(value)
    if not seconds then return nil, message end
    local fraction = value:match(":%d%d%.(%d+)")
    return seconds * 1000 + (fraction and math.tointeger(tonumber((fraction .. "00"):sub(1, 3))) or 0)
  end
  return nil, "it is no date: write 2026-11-21T09:30:00+08:00, or a number of seconds or milliseconds"
end

--- Whether a line is an event, where it might be a record: it has a user, a type and a moment, and none of the
-- fields that a record would bring for what events tell.
-- @tparam string line
-- @tparam {string,...} names of the fields that are aggregates
-- @treturn boolean
function M.is_event(line, names)
  local object = json.decode(line)
  if type(object) ~= "table" or object.user == nil or object.type == nil or object.at == nil then return false end
  for _, name in ipairs(names) do
    if object[name] ~= nil then return false end
  end
  return true
end

--- One line.
-- @tparam string line
-- @param zone of moments without one
-- @treturn table|nil `user`, `type`, `at` (milliseconds), `id` or none, `fields`
-- @treturn string what is wrong
function M.event(line, zone)
  local object, message = json.decode(line)
  if object == nil then return nil, message end
  if type(object) ~= "table" or object[1] ~= nil then return nil, "it is no JSON object" end
  local user = id_of(object.user)
  if not user then
    local given = object.user == nil and "it has no user" or "its user is " .. options.quote(object.user)
    return nil, given .. ": write \"user\": \"U21ab...\""
  end
  if type(object.type) ~= "string" or object.type == "" then
    return nil, "it has no type: write \"type\": \"purchase\""
  end
  if object.at == nil then
    return nil, "it does not say when it happened: write \"at\": \"2026-11-21T09:30:00+08:00\""
  end
  local at
  at, message = M.moment(object.at, zone)
  if not at then return nil, "at: " .. message end
  local id = id_of(object.id)
  if object.id ~= nil and not id then return nil, "its id is neither a text nor a whole number" end
  return { user = user, type = object.type, at = at, id = id, fields = flat.fields(object, ENVELOPE) }
end

return M
