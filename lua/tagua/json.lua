--- JSON for request and response bodies that hold no user records: strict, and exact for integers.
--
-- Reading is lua-cjson's, with what it lets pass refused: invalid UTF-8, NaN, hexadecimal numbers,
-- raw control characters. Writing is our own, because lua-cjson prints large integers with an
-- exponent and an empty array as an object. User records go through the record unit instead.
-- @module tagua.json
local cjson = require("cjson.safe")

local M = {}

local decoder = cjson.new()
decoder.decode_invalid_numbers(false)
decoder.decode_max_depth(100)

-- Whole numbers up to here are exact as floats, which is how lua-cjson reads them.
local EXACT = 2 ^ 53
local DEEPEST = 100

local array_mark = {}

--- null inside an array. In an object a null is as good as absent, and reading drops it.
M.null = setmetatable({}, {
  __tostring = function() return "null" end,
})

--- Marks a table as an array, so that it is written as `[]` even when it is empty.
-- @tparam table list
-- @treturn table the same table
function M.array(list) return setmetatable(list, array_mark) end

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape(character)
  return ESCAPES[character] or ("\\u%04x"):format(character:byte())
end

--- A string as JSON writes it, in quotes.
-- @tparam string text
-- @treturn string|nil nil when the text is not UTF-8
function M.quote(text)
  if text:find("[%c\"\\\128-\255]") then
    if not utf8.len(text) then return nil end
    text = text:gsub("[%c\"\\]", escape)
  end
  return '"' .. text .. '"'
end

local write

local function write_array(list, out, depth)
  local count = #list
  for key in pairs(list) do
    if math.type(key) ~= "integer" or key < 1 or key > count then
      return nil, "a table mixes a list with other keys"
    end
  end
  out[#out + 1] = "["
  for i = 1, count do
    if i > 1 then out[#out + 1] = "," end
    local ok, message = write(list[i], out, depth)
    if not ok then return nil, message end
  end
  out[#out + 1] = "]"
  return true
end

local function write_object(map, out, depth)
  local keys = {}
  for key in pairs(map) do
    if type(key) ~= "string" then return nil, "a table mixes a list with other keys" end
    keys[#keys + 1] = key
  end
  table.sort(keys) -- the same table gives the same text
  out[#out + 1] = "{"
  for i, key in ipairs(keys) do
    local quoted = M.quote(key)
    if not quoted then return nil, "a key is not UTF-8" end
    out[#out + 1] = (i > 1 and "," or "") .. quoted .. ":"
    local ok, message = write(map[key], out, depth)
    if not ok then return nil, message end
  end
  out[#out + 1] = "}"
  return true
end

function write(value, out, depth)
  local kind = type(value)
  if kind == "string" then
    local quoted = M.quote(value)
    if not quoted then return nil, "a string is not UTF-8" end
    out[#out + 1] = quoted
  elseif kind == "number" then
    if math.type(value) == "integer" then
      out[#out + 1] = ("%d"):format(value)
    elseif value ~= value or value == math.huge or value == -math.huge then
      return nil, ("%s is no number that JSON can write"):format(value)
    elseif value % 1 == 0 and math.abs(value) < EXACT then
      out[#out + 1] = ("%.0f"):format(value)
    else
      out[#out + 1] = ("%.17g"):format(value)
    end
  elseif kind == "boolean" then
    out[#out + 1] = tostring(value)
  elseif value == M.null then
    out[#out + 1] = "null"
  elseif kind == "table" then
    if depth == DEEPEST then return nil, "tables are nested too deeply, or in a circle" end
    local is_array = getmetatable(value) == array_mark or value[1] ~= nil
    return (is_array and write_array or write_object)(value, out, depth + 1)
  else
    return nil, ("a %s has no form in JSON"):format(kind)
  end
  return true
end

--- Writes a value as JSON text. Keys come in order, so equal tables give equal texts.
-- An empty table is an object unless it is marked with `array`.
-- @param value string, number, boolean, `null` or a table of them
-- @treturn string|nil
-- @treturn string what cannot be written
-- @treturn string EUSAGE
function M.encode(value)
  local out = {}
  local ok, message = write(value, out, 0)
  if not ok then return nil, "cannot write as JSON: " .. message, "EUSAGE" end
  return table.concat(out)
end

-- Whole numbers become integers; null disappears from objects and is M.null in arrays.
local function settle(value)
  if value == cjson.null then return M.null end
  if type(value) == "number" then
    local whole = value % 1 == 0 and math.abs(value) <= EXACT and math.tointeger(value)
    return whole or value
  end
  if type(value) ~= "table" then return value end
  for key, inner in pairs(value) do
    if inner == cjson.null then
      value[key] = type(key) == "number" and M.null or nil
    elseif type(inner) ~= "string" then
      value[key] = settle(inner)
    end
  end
  return value
end

--- Reads JSON text.
-- Whole numbers up to 2^53 come as integers, others as floats; null in an object is left out.
-- @tparam string text
-- @return the value, or nil
-- @treturn string what is wrong with the text
-- @treturn string EPROTOCOL
function M.decode(text)
  if not utf8.len(text) then return nil, "not JSON: not UTF-8", "EPROTOCOL" end
  if text:find("[%z\1-\8\11\12\14-\31]") then
    return nil, "not JSON: a raw control character", "EPROTOCOL"
  end
  local value, message = decoder.decode(text)
  if value == nil then return nil, "not JSON: " .. message, "EPROTOCOL" end
  return settle(value)
end

return M
