--- How the twin's platforms read what clients send: leniently where their documents are loose,
-- strictly where a mistake would pass for data. Every complaint is a refusal, raised.
-- @module tagua.twin.reading
local cjson = require("cjson")

local M = {}

--- Bytes of a name, an id or a value at most; the platforms' pages give no limit.
M.LONGEST_TEXT = 1000

--- Leaves a handler with a refusal, which the twin puts into the platform's envelope.
-- @tparam integer code
-- @tparam string message a format, with its values after it
function M.refuse(code, message, ...)
  error({ refused = code, message = select("#", ...) > 0 and message:format(...) or message }, 0)
end

local refuse = M.refuse

local decoder = cjson.new()
decoder.decode_invalid_numbers(false)
decoder.decode_max_depth(20)

--- The object in a body. lua-cjson takes raw control characters and broken UTF-8: refused here.
-- @tparam string body
-- @tparam integer code of the refusals
-- @treturn table
function M.object(body, code)
  if not utf8.len(body) or body:find("%c") and body:find("[%z\1-\8\11\12\14-\31]") then
    refuse(code, "the body is not UTF-8 text")
  end
  local ok, value = pcall(decoder.decode, body)
  if not ok then refuse(code, "the body is not JSON") end
  if type(value) ~= "table" or value[1] ~= nil then refuse(code, "the body is not a JSON object") end
  return value
end

--- A field; null is as good as absent.
function M.given(body, name)
  local value = body[name]
  if value == cjson.null then return nil end
  return value
end

--- A field that must be a text with something in it.
function M.text(body, name, code)
  local value = M.given(body, name)
  if value == nil then refuse(code, "%s is missing", name) end
  if type(value) ~= "string" then refuse(code, "%s must be a string", name) end
  if value == "" or #value > M.LONGEST_TEXT then
    refuse(code, "%s must have 1 to %d bytes", name, M.LONGEST_TEXT)
  end
  return value
end

--- An id that clients also send as a number: its digits, where a float has them all.
function M.loose_text(body, name, code)
  local value = M.given(body, name)
  local whole = type(value) == "number" and math.abs(value) < 2 ^ 53 and math.tointeger(value)
  return whole and tostring(whole) or M.text(body, name, code)
end

--- A number that clients also send as text.
function M.whole_number(body, name, code)
  local value = M.given(body, name)
  if value == nil then refuse(code, "%s is missing", name) end
  local number = type(value) == "string" and #value < 10 and value:match("^%-?%d+$") and tonumber(value) or value
  local whole = type(number) == "number" and math.tointeger(number)
  if not whole or math.abs(whole) > 2 ^ 31 then refuse(code, "%s must be a whole number", name) end
  return whole
end

--- A number in a query.
-- @tparam table query
-- @tparam string name
-- @tparam integer least
-- @tparam integer most
-- @tparam integer code of the refusal
-- @tparam[opt] integer otherwise what it is where it is not given
-- @treturn integer
function M.query_number(query, name, least, most, code, otherwise)
  local value = query[name]
  if otherwise and (value == nil or value == "") then return otherwise end
  local number = value and #value <= 13 and value:match("^%d+$") and math.tointeger(tonumber(value))
  if not number or number < least or number > most then
    refuse(code, "%s must be a whole number from %d to %d", name, least, most)
  end
  return number
end

--- A segment of a path, decoded.
function M.percent_decoded(segment)
  return (segment:gsub("%%(%x%x)", function(pair) return string.char(tonumber(pair, 16)) end))
end

return M
