--- Tells which of the variables around a function it assigns, which nothing but its code says. Knows the
-- format in which Lua 5.4 and 5.3 write functions (their lundump.c) as far as that takes. Pure.
-- @module tagua.rules.bytecode
local M = {}

local dump, byte, unpack_bytes = string.dump, string.byte, string.unpack

-- A count in 5.4: seven bits a byte, the last with its highest bit set.
local function varint(code, at)
  local value = 0
  while true do
    local part = byte(code, at)
    at = at + 1
    value = value << 7 | part & 0x7F
    if part & 0x80 ~= 0 then return value, at end
  end
end

local function int(code, at)
  return unpack_bytes("<i4", code, at)
end

-- What differs: the header's length, counts, the length of a text's length, the instruction that assigns an
-- upvalue and where it has the upvalue's number, constants that are no texts, and what follows the functions
-- inside: lists of bytes or of entries, as which each field is a count or a text.
local FORMATS = {
  ["Lua 5.4"] = {
    header = 4 + 1 + 1 + 6 + 3 + 8 + 8 + 1,
    count = varint,
    text_size = varint,
    opcode = 0x7F, set_upvalue = 10, upvalue = function(instruction) return instruction >> 16 & 0xFF end,
    constants = { [0x00] = 0, [0x01] = 0, [0x11] = 0, [0x03] = 8, [0x13] = 8 },
    upvalue_size = 3,
    line_size = 1,
    debug = { { "count", "count" }, { "text", "count", "count" }, { "text" } },
  },
  ["Lua 5.3"] = {
    header = 4 + 1 + 1 + 6 + 5 + 8 + 8 + 1,
    count = int,
    text_size = function(code, at)
      local size = byte(code, at)
      if size < 0xFF then return size, at + 1 end
      return unpack_bytes("<T", code, at + 1)
    end,
    opcode = 0x3F, set_upvalue = 9, upvalue = function(instruction) return instruction >> 23 & 0x1FF end,
    constants = { [0x00] = 0, [0x01] = 1, [0x03] = 8, [0x13] = 8 },
    upvalue_size = 2,
    line_size = 4,
    debug = { { "text", "count", "count" }, { "text" } },
  },
}

local format = FORMATS[_VERSION]
local count_at, set_upvalue, opcode = format.count, format.set_upvalue, format.opcode

local function skip_text(code, at)
  local size
  size, at = format.text_size(code, at)
  return at + (size > 0 and size - 1 or 0)
end

local function skip_debug(code, at)
  local count
  count, at = count_at(code, at)
  at = at + count * format.line_size
  for _, fields in ipairs(format.debug) do
    count, at = count_at(code, at)
    for _ = 1, count do
      for _, kind in ipairs(fields) do
        if kind == "text" then
          at = skip_text(code, at)
        else
          _, at = count_at(code, at)
        end
      end
    end
  end
  return at
end

-- Reads one function at `at` -> which of its upvalues it, or a function inside of it, assigns; the end; its
-- upvalues as its maker sees them.
local function read_function(code, at)
  local assigned = {}
  local _, count
  _, at = count_at(code, skip_text(code, at)) -- its first line
  _, at = count_at(code, at) -- its last
  count, at = count_at(code, at + 3)
  for _ = 1, count do
    local instruction
    instruction, at = unpack_bytes("<I4", code, at)
    if instruction & opcode == set_upvalue then assigned[format.upvalue(instruction)] = true end
  end
  count, at = count_at(code, at)
  for _ = 1, count do
    local size = format.constants[byte(code, at)]
    at = size and at + 1 + size or skip_text(code, at + 1)
  end
  local upvalues = {}
  count, at = count_at(code, at)
  for i = 0, count - 1 do
    upvalues[i] = { outer_local = byte(code, at) ~= 0, index = byte(code, at + 1) }
    at = at + format.upvalue_size
  end
  count, at = count_at(code, at)
  for _ = 1, count do
    local inner, described
    inner, at, described = read_function(code, at)
    for i in pairs(inner) do
      if not described[i].outer_local then assigned[described[i].index] = true end
    end
  end
  return assigned, skip_debug(code, at), upvalues
end

--- Which upvalues of a function it can assign, itself or through a function that it makes.
-- @tparam function f a Lua function
-- @treturn {[integer]=boolean} positions as debug.getupvalue counts them
function M.assigned(f)
  local found = {}
  for index in pairs((read_function(dump(f, true), format.header + 1))) do
    found[index + 1] = true
  end
  return found
end

return M
