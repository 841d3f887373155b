--- The types of fields, and how a value written in Lua becomes one of theirs.
-- Runs inside the sandbox as part of the trusted prelude, and in the caller's own state.
-- @module tagua.rules.fields
local aggregates = require("tagua.rules.aggregates")
local options = require("tagua.options")

local M = {}

local quote = options.quote

--- The types, by name.
M.types = { text = {}, integer = {}, number = {}, boolean = {}, date = {}, tagset = {} }

local DECLARATIONS = {}
for name in pairs(M.types) do
  DECLARATIONS[name] = { from = { type = "string", min = 1, max = 1000 } }
end
DECLARATIONS.text.if_empty = { type = "string" }
DECLARATIONS.integer.if_empty = { type = "integer" }
DECLARATIONS.number.if_empty = { type = "number" }
DECLARATIONS.boolean.if_empty = { type = "boolean" }
DECLARATIONS.date.if_empty = { type = { "string", "number" } }
DECLARATIONS.date.format = { type = "string", min = 1, max = 100 }
DECLARATIONS.date.roc = { type = "boolean" }
DECLARATIONS.tagset = {}

-- integer { ... } makes one of these; integer alone stands for integer { }.
local SPEC = {}
local TYPE_OF = {}

--- The words that a rule file writes for the types: `integer`, or `integer { if_empty = 0 }`.
-- @tparam function complain raises at the rule file's line
-- @treturn table by name
function M.words(complain)
  local words = {}
  for name in pairs(M.types) do
    local word = setmetatable({}, {
      __call = function(_, given)
        if type(given) ~= "table" then
          complain(("%s wants its options in braces: %s { if_empty = ... }"):format(name, name))
        end
        local checked, message = options.verify(name, given, DECLARATIONS[name])
        if not checked then complain(message) end
        checked.type = name
        return setmetatable(checked, SPEC)
      end,
      __newindex = function()
        complain(("'%s' is a type and cannot be written to"):format(name))
      end,
      __tostring = function()
        return name
      end,
      __name = name,
      __metatable = false,
    })
    TYPE_OF[word] = name
    words[name] = word
  end
  return words
end

--- What a rule file wrote for one field, as a table of its own.
-- @treturn table|nil { name, source, type, format, roc, if_empty, aggregate }; the last as tagua.rules.aggregates
--   gives it, where the field is what events tell
-- @treturn string what is wrong
function M.field(name, value)
  if type(name) ~= "string" or name == "" then
    return nil, "fields { } wants name = type, such as orders = integer; got " .. quote(name)
  end
  local aggregate = aggregates.of(value)
  if aggregate then
    return { name = name, source = name, type = aggregates.types[aggregate.kind], aggregate = aggregate }
  end
  local spec = getmetatable(value) == SPEC and value or TYPE_OF[value] and { type = TYPE_OF[value] }
  if not spec then
    local lacking = aggregates.lacking(value)
    if lacking then return nil, ("field '%s': %s"):format(name, lacking) end
    return nil, ("field '%s' wants a type: text, integer, number, boolean, date or tagset; got %s"):format(name,
      quote(value))
  end
  return {
    name = name, source = spec.from or name, type = spec.type, format = spec.format, roc = spec.roc,
    if_empty = spec.if_empty,
  }
end

-- By type: a value as written in Lua -> as the field holds it, or nil and what is wanted.
local convert = {}

-- Text, as it stands.
function convert.text(value)
  if type(value) == "string" then return value end
  return nil, "is text: write it in quotes"
end

-- A whole number, which may be written as a float.
function convert.integer(value)
  local whole = math.type(value) and math.tointeger(value)
  if whole then return whole end
  return nil, "is an integer"
end

-- Any number but NaN.
function convert.number(value)
  if math.type(value) and value == value then return value end
  return nil, "is a number"
end

-- true or false.
function convert.boolean(value)
  if type(value) == "boolean" then return value end
  return nil, "is a boolean"
end

-- A text in the field's format, or seconds since the epoch.
function convert.date(value, field, zone)
  local whole = math.type(value) and math.tointeger(value)
  if whole then return whole end
  if type(value) ~= "string" then return nil, 'is a date: write it as text, such as "2026-11-21"' end
  local moment, message = zone:parse(value, field.format, field.roc)
  if moment then return moment end
  return nil, "is a date: " .. message
end

-- A list of names, or a table with names as keys.
function convert.tagset(value)
  if type(value) ~= "table" then return nil, 'is a set of tags: { "VIP", "Blocked" }' end
  local set = {}
  for key, entry in pairs(value) do
    if math.type(key) == "integer" and type(entry) == "string" then
      set[entry] = true
    elseif type(key) == "string" and type(entry) == "boolean" then
      set[key] = entry or nil
    else
      return nil, 'is a set of tags: { "VIP", "Blocked" }'
    end
  end
  return set
end

--- A value written in Lua, as a field of that type holds it.
-- @tparam table field as M.field gives it
-- @param value not nil
-- @param zone for dates
-- @return the value, or nil
-- @treturn string what the field wants
function M.convert(field, value, zone)
  local converted, message = convert[field.type](value, field, zone)
  if converted ~= nil then return converted end
  return nil, ("field '%s' %s, got %s"):format(field.name, message, quote(value))
end

return M
