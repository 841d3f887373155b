--- Writes what events tell of a user as a record: one line of JSON, as the ordinary input has them. Pure.
-- @module tagua.events.lines
local aggregates = require("tagua.events.aggregates")
local json = require("tagua.json")

local M = {}

-- A JSON text for what is told of one field; nil where the record does not have it.
local function text_of(told)
  if not told then return nil end
  if told.text then return told.text end
  if told.bad then return json.quote(aggregates.BAD) end
  if told.value == nil then return "null" end
  return assert(json.encode(told.value))
end

-- Puts a text where a path with dots leads.
local function put(tree, path, text)
  local before, rest = path:match("^([^.]*)%.(.*)$")
  if not before then
    tree[path] = tree[path] or text
    return
  end
  local inner = tree[before]
  if inner == nil then
    inner = {}
    tree[before] = inner
  end
  if type(inner) == "table" then put(inner, rest, text) end
end

local function write(tree)
  local names, parts = {}, {}
  for name in pairs(tree) do
    names[#names + 1] = name
  end
  table.sort(names)
  for i, name in ipairs(names) do
    local value = tree[name]
    parts[i] = json.quote(name) .. ":" .. (type(value) == "table" and write(value) or value)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- A writer of records for one ruleset.
-- @tparam {table,...} fields of the ruleset
-- @tparam[opt="id"] string id the key that the user's id gets; a field that is read from it reads the id
-- @treturn function(user, told) a line with its newline; told as tagua.events.snapshot or tallies give it
function M.writer(fields, id)
  id = id or "id"
  local plain = {}
  local nested = false
  for _, field in ipairs(fields) do
    if field.type ~= "tagset" and field.source ~= id then
      plain[#plain + 1] = field
      nested = nested or field.source:find(".", 1, true) ~= nil
    end
  end
  local key = json.quote(id)
  if nested then
    return function(user, told)
      local tree = {}
      put(tree, id, json.quote(user))
      for _, field in ipairs(plain) do
        local text = text_of(told[field.name])
        if text then put(tree, field.source, text) end
      end
      return write(tree) .. "\n"
    end
  end
  local keys = {}
  local seen = {}
  for i, field in ipairs(plain) do
    keys[i] = not seen[field.source] and "," .. json.quote(field.source) .. ":"
    seen[field.source] = true
  end
  return function(user, told)
    local parts = { "{", key, ":", json.quote(user) }
    for i, field in ipairs(plain) do
      local text = keys[i] and text_of(told[field.name])
      if text then
        parts[#parts + 1] = keys[i]
        parts[#parts + 1] = text
      end
    end
    parts[#parts + 1] = "}\n"
    return table.concat(parts)
  end
end

return M
