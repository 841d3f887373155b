--- An event: what it is made of, how large it may be, and how its fields are kept as a text. Pure.
-- @module tagua.events.event
local json = require("tagua.json")

local M = {}

--- The most bytes that each part of an event may have, and the most fields.
M.LONGEST = { connection = 200, source = 40, user = 256, type = 200, id = 256, name = 200, fields = 65536 }
M.MOST_FIELDS = 500

-- 9999-12-31, in milliseconds: a moment beyond it is a mistake in the unit.
local LATEST = 253402300799999

local function text_problem(value, what, longest)
  if type(value) ~= "string" or value == "" then
    return what .. " is missing"
  elseif #value > longest then
    return ("%s is %d bytes long, at most %d are taken"):format(what, #value, longest)
  elseif not utf8.len(value) or value:find("%c") then
    return what .. " is not printable UTF-8"
  end
end

local function fields_problem(fields)
  local count = 0
  for name, value in pairs(fields) do
    count = count + 1
    local kind = math.type(value) or type(value)
    if type(name) ~= "string" or name == "" or #name > M.LONGEST.name then
      return "the name of a field is empty or too long"
    elseif kind ~= "string" and kind ~= "integer" and kind ~= "float" and kind ~= "boolean" then
      return ("the field '%s' is a %s: a field is a text, a number or true or false"):format(name, kind)
    end
  end
  if count > M.MOST_FIELDS then
    return ("it has %d fields, at most %d are taken"):format(count, M.MOST_FIELDS)
  end
end

--- Checks an event.
-- @tparam table event `connection`, `source`, `user`, `type`, `at` (milliseconds since the epoch), `id` (or
--   none), `fields` (flat: name -> text, number or boolean; or none)
-- @treturn string|nil its fields as a JSON object
-- @treturn string what is wrong with it
-- @treturn string code `EINPUT`
function M.check(event)
  local problem
  for _, part in ipairs({ "connection", "source", "user", "type" }) do
    problem = problem or text_problem(event[part], part, M.LONGEST[part])
  end
  if event.id ~= nil then
    problem = problem or text_problem(event.id, "id", M.LONGEST.id)
  end
  if math.type(event.at) ~= "integer" or event.at < 0 or event.at > LATEST then
    problem = problem or "at is not a moment in milliseconds since 1970"
  end
  local fields = event.fields or {}
  problem = problem or fields_problem(fields)
  if problem then
    return nil, "an event cannot be taken: " .. problem, "EINPUT"
  end
  if next(fields) == nil then
    return "{}"
  end
  local text, message = json.encode(fields)
  if not text then
    return nil, "an event cannot be taken: " .. message, "EINPUT"
  elseif #text > M.LONGEST.fields then
    return nil,
      ("an event cannot be taken: its fields are %d bytes long, at most %d are taken"):format(
        #text,
        M.LONGEST.fields
      ),
      "EINPUT"
  end
  return text
end

--- The fields of an event that were kept as a text.
-- @tparam string text
-- @treturn table name -> value
function M.fields(text)
  return text == "{}" and {} or assert(json.decode(text))
end

return M
