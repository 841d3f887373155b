--- Brings the fields of an event into one level: what stands in objects gets its path as its name. Pure.
-- @module tagua.events.flat
local M = {}

local DEEPEST = 20

local function is_scalar(value)
  local kind = type(value)
  return kind == "string" or kind == "boolean" or kind == "number" and value == value
end

local function gather(object, prefix, found, except, depth)
  for key, value in pairs(object) do
    if type(key) == "string" and not (except and except[key]) then
      local name = prefix .. key
      if is_scalar(value) then
        found[name] = value
      elseif type(value) == "table" and value[1] == nil and depth < DEEPEST then
        gather(value, name .. ".", found, nil, depth + 1)
      end
    end
  end
end

--- The flat fields of an object: `{ message = { text = "x" } }` gives `{ ["message.text"] = "x" }`. Lists, and what
-- is no text, number or boolean, are left out.
-- @tparam table object
-- @tparam[opt] {[string]=boolean} except keys that are no fields
-- @treturn table name -> value
function M.fields(object, except)
  local found = {}
  gather(object, "", found, except, 1)
  return found
end

return M
