--- Reads the functions of a rule file as Lua 5.4 has compiled them: code, constants, lines, names. For what
-- looks at rules without running them; knows nothing of what they mean. Pure.
-- @module tagua.rules.functions
local M = {}

local dump, byte, unpack = string.dump, string.byte, string.unpack

-- In front of the first function, as Lua 5.4 writes it (lundump.c).
local HEADER = 4 + 1 + 1 + 6 + 3 + 8 + 8 + 1

local NIL, FALSE, TRUE, INTEGER, FLOAT = 0x00, 0x01, 0x11, 0x03, 0x13
local VARARGPREP, ABSENT = 81, -128

local Reader = {}
Reader.__index = Reader

-- The next byte.
function Reader:byte()
  local value = byte(self.code, self.at)
  self.at = self.at + 1
  return value
end

-- A count: seven bits a byte, the last with its highest bit set.
function Reader:count()
  local value = 0
  while true do
    local part = self:byte()
    value = value << 7 | part & 0x7F
    if part & 0x80 ~= 0 then return value end
  end
end

-- A text behind its length, or nil.
function Reader:text()
  local size = self:count()
  if size == 0 then return nil end
  local text = self.code:sub(self.at, self.at + size - 2)
  self.at = self.at + size - 1
  return text
end

-- A number in string.unpack's form.
function Reader:number(form)
  local value
  value, self.at = unpack(form, self.code, self.at)
  return value
end

-- A constant behind its type.
function Reader:constant()
  local kind = self:byte()
  if kind == NIL then return nil end
  if kind == FALSE or kind == TRUE then return kind == TRUE end
  if kind == INTEGER then return self:number("<i8") end
  if kind == FLOAT then return self:number("<d") end
  return self:text()
end

-- The line of each instruction: a difference each, or an entry of its own where that is too large.
function Reader:lines(first)
  local differences, absolute = {}, {}
  for i = 0, self:count() - 1 do
    differences[i] = self:number("<b")
  end
  for _ = 1, self:count() do
    local at = self:count()
    absolute[at] = self:count()
  end
  local lines, line = {}, first
  for i = 0, #differences do
    if differences[i] then
      line = differences[i] == ABSENT and absolute[i] or line + differences[i]
      lines[i] = line
    end
  end
  return lines
end

-- One function, with those inside of it.
function Reader:read()
  self:text()
  local f = { code = {}, constants = {}, upvalues = {}, inner = {}, names = {} }
  f.first, f.last = self:count(), self:count()
  f.params, f.vararg = self:byte(), self:byte() ~= 0
  self:byte()
  f.size = self:count()
  for i = 0, f.size - 1 do
    f.code[i] = self:number("<I4")
  end
  for i = 0, self:count() - 1 do
    f.constants[i] = self:constant()
  end
  for i = 0, self:count() - 1 do
    f.upvalues[i] = { outer_local = self:byte() ~= 0, index = self:byte() }
    self:byte()
  end
  for i = 0, self:count() - 1 do
    f.inner[i] = self:read()
  end
  f.lines = self:lines(f.first)
  for i = 0, self:count() - 1 do
    f.names[i] = self:text()
    self:count()
    self:count()
  end
  for i = 0, self:count() - 1 do
    f.upvalues[i].name = self:text()
  end
  return f
end

--- A function as it was compiled.
-- @tparam function f a Lua function that was not stripped
-- @treturn table `first` and `last` line; `params`, how many; `code`, `lines` by instruction from 0, `size`;
--   `constants` from 0; `upvalues` from 0: { name, outer_local, index }; `names` of its locals from 0; `inner`, the
--   functions that it makes, from 0
function M.read(f)
  return setmetatable({ code = dump(f), at = HEADER + 1 }, Reader):read()
end

--- The lines on which a function, or one inside of it, has something to do; not the end of its block, which
-- nobody reaches who returns.
-- @tparam table f from `read`
-- @tparam[opt] table lines to add to
-- @treturn {[integer]=boolean}
function M.lines(f, lines)
  lines = lines or {}
  for i = 0, f.size - 2 do
    if f.lines[i] and not (i == 0 and f.code[0] & 0x7F == VARARGPREP) then lines[f.lines[i]] = true end
  end
  for i = 0, #f.inner do
    if f.inner[i] then M.lines(f.inner[i], lines) end
  end
  return lines
end

return M
