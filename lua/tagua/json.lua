--- JSON for request and response bodies that hold no user records: strict, and exact for integers.
--
-- Texts are written by lua-cjson. What holds them together is put here, because lua-cjson prints a
-- large integer with an exponent and an empty array as an object. Reading is the record unit's: it
-- refuses what is not JSON to the letter, and keeps every digit of an integer.
-- @module tagua.json
local cjson = require("cjson")
local core = require("tagua.core")

local M = {}

local DEEPEST = 100
-- From here on a float no longer tells one whole number from the next.
local EXACT = 2 ^ 53

local array_mark = {}

--- null inside an array. In an object a null is as good as absent, and reading drops it.
M.null = core.json.null

--- Marks a table as an array, so that it is written as `[]` even when it is empty.
-- @tparam table list
-- @treturn table the same table
function M.array(list) return setmetatable(list, array_mark) end

--- A string as JSON writes it, in quotes.
-- @tparam string text
-- @treturn string|nil nil when the text is not UTF-8
function M.quote(text)
  if not text:find("[%c\"\\\128-\255]") then return '"' .. text .. '"' end
  if not utf8.len(text) then return nil end -- lua-cjson would let it through
  return (cjson.encode(text):gsub("\\/", "/")) -- it escapes the slash, which needs none
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
      local short = ("%.15g"):format(value) -- 0.1 as it was written, where that is the same number
      out[#out + 1] = tonumber(short) == value and short or ("%.17g"):format(value)
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

--- Reads JSON text.
-- An integer of up to 64 bits comes as one, a longer one as a string of its digits; a null in an
-- object is left out, elsewhere it is `null`.
-- @function decode
-- @tparam string text
-- @return the value, or nil
-- @treturn string what is wrong with the text, and at which byte
-- @treturn string EPROTOCOL
M.decode = core.json.decode

return M
