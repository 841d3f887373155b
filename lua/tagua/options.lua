--- Checks tables of options against a declaration of what is allowed. Pure.
--
-- A declaration maps each option's name to a rule:
--
--    { type = "string" | "number" | "integer" | "boolean" | "table" | "function" | "userdata",
--                        -- or a list of them
--      required = true,  -- must be given
--      default = value,  -- used when it is not given
--      min = n, max = n, -- of a number, or of a string's length in bytes; both included
--      one_of = { ... }, -- a list of the strings allowed
--      fields = { ... }, -- of a table: the declaration of what is inside
--      check = function(value) return nil | "must be ..." end,
--      accept = function(value) return value | nil, "must be ..." end }
--
-- `accept` stands instead of everything else, for a value that no message may quote.
--
-- @module tagua.options
local nearest = require("tagua.nearest")

local M = {}

local LONGEST_QUOTE = 60
local LISTED = 8 -- options that a message about an unknown one lists

--- A value as it is quoted in a message: a string in quotes and cut when long, anything else by its
-- type or its number.
-- @param value
-- @treturn string
function M.quote(value)
  if type(value) == "string" then
    if #value > LONGEST_QUOTE then
      local last = LONGEST_QUOTE
      while last > 0 and (value:byte(last + 1) & 0xC0) == 0x80 do
        last = last - 1
      end
      value = value:sub(1, last) .. "..."
    end
    return "'" .. value:gsub("%c", "?") .. "'"
  end
  if type(value) == "number" or type(value) == "boolean" or value == nil then return tostring(value) end
  return "a " .. type(value)
end

local ARTICLES = { integer = "a whole number", table = "a table", ["function"] = "a function" }

local function described(types)
  local words = {}
  for i, name in ipairs(types) do
    words[i] = ARTICLES[name] or ("a " .. name)
  end
  return table.concat(words, " or ")
end

-- The value as one of the types, or nothing. A whole number may be written as a float.
local function fit(value, types)
  for _, name in ipairs(types) do
    if name == "integer" then
      local whole = math.type(value) and math.tointeger(value)
      if whole then return whole end
    elseif name == "number" then
      if math.type(value) and value == value then return value end
    elseif type(value) == name then
      return value
    end
  end
  return nil
end

local function bounds(rule)
  if rule.min and rule.max then return ("%s to %s"):format(rule.min, rule.max) end
  return rule.min and ("at least %s"):format(rule.min) or ("at most %s"):format(rule.max)
end

local verify_table

-- One value against its rule -> the value to use, or nil and what is wrong with it.
local function verify_value(what, value, rule)
  if rule.accept then
    local accepted, complaint = rule.accept(value)
    if accepted == nil then return nil, ("%s %s"):format(what, complaint) end
    return accepted
  end
  local types = type(rule.type) == "table" and rule.type or { rule.type }
  local fitted = fit(value, types)
  if fitted == nil then
    return nil, ("%s must be %s, got %s"):format(what, described(types), M.quote(value))
  end
  if rule.min or rule.max then
    local size = type(fitted) == "string" and #fitted or fitted
    if type(size) == "number" and (size < (rule.min or size) or size > (rule.max or size)) then
      if type(fitted) ~= "string" then
        return nil, ("%s must be %s, got %s"):format(what, bounds(rule), M.quote(value))
      elseif size == 0 then
        return nil, ("%s must not be empty"):format(what)
      end
      return nil, ("%s must be %s bytes long, got %d"):format(what, bounds(rule), size)
    end
  end
  if rule.one_of and type(fitted) == "string" then
    local known = false
    for _, allowed in ipairs(rule.one_of) do
      known = known or allowed == fitted
    end
    if not known then
      local words, hint = table.concat(rule.one_of, ", "), nearest.hint(fitted, rule.one_of)
      return nil, ("%s must be one of %s, got %s%s"):format(what, words, M.quote(fitted), hint)
    end
  end
  if rule.fields and type(fitted) == "table" then
    return verify_table(fitted, rule.fields, what .. ": ")
  end
  local complaint = rule.check and rule.check(fitted)
  if complaint then return nil, ("%s %s"):format(what, complaint) end
  return fitted
end

-- The nearest known name; where none is near, and there are few, all that there are.
local function known(name, declaration)
  local hint, names = nearest.hint(name, declaration), {}
  for option in pairs(declaration) do
    names[#names + 1] = tostring(option)
  end
  if hint ~= "" or #names == 0 or #names > LISTED then
    return hint
  end
  table.sort(names)
  return (" (there %s %s)"):format(#names == 1 and "is" or "are", table.concat(names, ", "))
end

function verify_table(given, declaration, prefix)
  local checked = {}
  local names = {}
  for name in pairs(given) do
    names[#names + 1] = name
  end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for _, name in ipairs(names) do
    local rule = declaration[name]
    if not rule then
      local text = tostring(name)
      return nil, ("%sunknown option %s%s"):format(prefix, M.quote(text), known(text, declaration))
    end
    local value, complaint = verify_value(("%soption '%s'"):format(prefix, name), given[name], rule)
    if value == nil then return nil, complaint end
    checked[name] = value
  end
  local declared = {}
  for name in pairs(declaration) do
    declared[#declared + 1] = name
  end
  table.sort(declared)
  for _, name in ipairs(declared) do
    if checked[name] == nil then
      if declaration[name].required then return nil, ("%soption '%s' is missing"):format(prefix, name) end
      checked[name] = declaration[name].default
    end
  end
  return checked
end

--- Checks one value, and tells what is wrong instead of raising.
-- @function verify_value
-- @tparam string what what the message begins with: `option 'rate'`
-- @param value
-- @tparam table rule
-- @return the value to use, or nil and what is wrong with it
M.verify_value = verify_value

--- Checks options, and tells what is wrong instead of raising.
-- @tparam string what what is being done, as the message begins: `connect`
-- @tparam table|nil given nil is taken for an empty table
-- @tparam table declaration
-- @treturn table|nil a new table with the defaults filled in
-- @treturn string what is wrong, naming the option, the value and the nearest known name
function M.verify(what, given, declaration)
  if given == nil then given = {} end
  if type(given) ~= "table" then
    return nil, ("%s: options must be a table, got %s"):format(what, M.quote(given))
  end
  local checked, complaint = verify_table(given, declaration, "")
  if not checked then return nil, ("%s: %s"):format(what, complaint) end
  return checked
end

--- Checks options, and raises where they are wrong.
-- @tparam string what
-- @tparam table|nil given
-- @tparam table declaration
-- @tparam[opt=1] integer level whose line the error names, seen from the function that calls this:
--   1 is that function, 2 its caller
-- @treturn table a new table with the defaults filled in
function M.check(what, given, declaration, level)
  local checked, complaint = M.verify(what, given, declaration)
  if not checked then error(complaint, (level or 1) + 1) end
  return checked
end

--- Checks one argument of a function, and raises where it is wrong.
-- @tparam string what the function and the argument: `tag_user: tag`
-- @param value
-- @tparam table rule a rule as in a declaration; without `required`, nil gives the default
-- @tparam[opt=1] integer level as in `check`
-- @return the value to use
function M.argument(what, value, rule, level)
  if value == nil and not rule.required then return rule.default end
  local checked, complaint = verify_value(what, value, rule)
  if checked == nil then error(complaint, (level or 1) + 1) end
  return checked
end

return M
