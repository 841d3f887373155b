--- Puts a value that a program gives, or an event carries, into the decider: read as the cell of a file is.
-- @module tagua.rules.filling
local fields = require("tagua.rules.fields")

local M = {}

-- What a program puts where a database has no value.
local function is_empty(value, field)
  return value == "" or (type(value) == "string" and field.type ~= "text" and not value:find("%S"))
    or (type(value) == "userdata" and not getmetatable(value))
end

--- Fills one field of the record that is decided next.
-- @tparam table words the language
-- @tparam integer i the field's position
-- @tparam table field
-- @param value nil: the record does not have the field
function M.put(words, i, field, value)
  local decider = words.decider
  if value == nil then return decider:absent(i) end
  if is_empty(value, field) then return decider:empty(i) end
  if type(value) == "string" and (field.type == "integer" or field.type == "number") then
    value = value:find("^%s*[+-]?[%d.]+%s*$") and tonumber(value) or value
  elseif field.type == "text" and math.type(value) == "integer" then
    value = tostring(value)
  end
  local converted = fields.convert(field, value, words:zone())
  if converted == nil then return decider:bad(i) end
  decider:set(i, converted)
end

return M
