--- A plan as a file that somebody can read, approve and hand to `tagua apply`: JSON lines, documented in
-- docs/plan.md. Knows the format and its bounds; what the lines mean for the ledger is command/approved.lua's.
-- @module tagua.planfile
local core = require("tagua.core")
local json = require("tagua.json")
local options = require("tagua.options")

local M = {}

--- The version of the format that this program writes and reads.
M.VERSION = 1

local LONGEST_HEADER, LONGEST_LINE = 4 * 1024 * 1024, 512 * 1024 -- bytes
local PIECE = 256 * 1024
local LARGEST = 1 << 53

local function whole(min, required)
  return { type = "integer", min = min or 0, max = LARGEST, required = required }
end

local function text(max, required)
  return { type = "string", min = 1, max = max or 1000, required = required }
end

-- What stands in a line, by the key that says what the line is.
local LINES = {
  op = {
    op = { type = "string", one_of = { "tag", "untag" }, required = true },
    user = text(512, true),
    tag = text(1000, true),
    id = text(),
    rule = text(),
    line = whole(1),
    record = whole(1),
    before = whole(),
    lasts = whole(1),
    ends = whole(),
  },
  time = {
    time = { type = "string", one_of = { "time", "renew", "off" }, required = true },
    user = text(512, true),
    id = text(1000, true),
    lasts = whole(1),
    ends = whole(),
  },
  note = {
    note = { type = "integer", min = 0, max = 4, required = true },
    user = text(512, true),
    id = text(1000, true),
  },
  values = {
    values = { type = "table", required = true }, record = whole(1, true), rule = text(1000, true), line = whole(1),
  },
}

local HEADER = {
  tagua_plan = { type = "integer", required = true },
  plan = text(64, true),
  connection = text(100, true),
  account = { type = "table", required = true },
  rules = { type = "table", required = true },
  input = { type = "table", required = true },
  mirror = { type = "table", required = true },
  at = whole(),
  made = whole(),
  expires = whole(),
  operations = whole(),
  on = whole(),
  off = whole(),
  calls = whole(),
  minutes = { type = "number" },
  money = { type = "number" },
  bounds = { type = "table", required = true },
  tags = { type = "table", required = true },
  create = { type = "table", required = true },
}

local Writer = {}
Writer.__index = Writer

--- Begins a plan file; it takes the place of an older one when it is whole.
-- @tparam string path
-- @tparam table header
-- @treturn table|nil
-- @treturn string message
-- @treturn string code
function M.create(path, header)
  local part = path .. ".part"
  local file, message = io.open(part, "wb")
  if not file then
    return nil, ("cannot write the plan: %s"):format(message), "EIO"
  end
  local self = setmetatable({ path = path, part = part, file = file, digest = core.digest.sha256(), lines = 0 }, Writer)
  header.tagua_plan = M.VERSION
  local ok, why, code = self:line(header)
  if not ok then
    self:close()
    return nil, why, code
  end
  return self
end

--- Writes one line.
-- @tparam table entry
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function Writer:line(entry)
  local line, message = json.encode(entry)
  if not line then
    return nil, ("cannot write the plan: %s"):format(message), "EINPUT"
  end
  line = line .. "\n"
  self.digest:add(line)
  self.lines = self.lines + 1
  local ok, why = self.file:write(line)
  if not ok then
    return nil, ("cannot write the plan to '%s': %s"):format(self.path, why), "EDISK"
  end
  return true
end

--- Ends the file: from here on it has its name.
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function Writer:finish()
  local ok, message = self.file:write(json.encode({ lines = self.lines, sha256 = self.digest:finish() }), "\n")
  if ok then
    ok, message = self.file:close()
    self.file = nil
  end
  if ok then
    ok, message = os.rename(self.part, self.path)
  end
  if not ok then
    return nil, ("cannot write the plan to '%s': %s"):format(self.path, message), "EDISK"
  end
  return true
end

--- Leaves no half of a file behind. May be called twice.
function Writer:close()
  if self.file then
    self.file:close()
    self.file = nil
    os.remove(self.part)
  end
end

local Reader = {}
Reader.__index = Reader

--- Whether a file begins as a plan does.
-- @tparam string path
-- @treturn boolean
function M.is(path)
  local file = core.system.file_kind(path) == "file" and io.open(path, "rb")
  local start = file and file:read(1) or ""
  if file then
    file:close()
  end
  return start == "{" -- what no rule file begins with
end

-- What every failure to read begins with.
function Reader:fail(format, ...)
  return nil, ("the plan '%s': "):format(self.path) .. format:format(...), "EINPUT"
end

-- The next line with its newline; nil at the end of the file, nil and a message when it is too long.
function Reader:raw(longest)
  local from = 1
  while true do
    local newline = self.buffer:find("\n", from, true)
    if newline then
      local line = self.buffer:sub(1, newline)
      self.buffer = self.buffer:sub(newline + 1)
      self.lines = self.lines + 1
      return line
    end
    if #self.buffer > longest then
      return self:fail("line %d is longer than %d bytes", self.lines + 1, longest)
    end
    from = #self.buffer + 1
    local piece = self.file:read(PIECE)
    if not piece then
      return self:fail("it is cut off: it has no last line with a checksum")
    end
    self.buffer = self.buffer .. piece
  end
end

--- Opens a plan file and reads its first line.
-- @tparam string path
-- @treturn table|nil with `header`, `next()` and `close()`
-- @treturn string message
-- @treturn string code
function M.open(path)
  local file, message = io.open(path, "rb")
  if not file then
    return nil, ("cannot read the plan: %s"):format(message), "EIO"
  end
  local self = setmetatable({ path = path, file = file, digest = core.digest.sha256(), buffer = "", lines = 0 }, Reader)
  local line, why, code = self:raw(LONGEST_HEADER)
  local header = line and json.decode(line)
  if line and (type(header) ~= "table" or header.tagua_plan == nil) then
    line, why, code = self:fail("it is no plan that tagua plan --out wrote")
  elseif line and header.tagua_plan ~= M.VERSION then
    line, why, code = self:fail("it is of version %s, and this program reads %d: make the plan again",
      tostring(header.tagua_plan), M.VERSION)
  elseif line then
    self.header, why = options.verify("line 1", header, HEADER)
    if not self.header then
      line, why, code = self:fail("%s", why)
    end
  end
  if not line then
    file:close()
    return nil, why, code
  end
  self.digest:add(line)
  return self
end

--- The next line.
-- @treturn table|nil nil at the end of a file that is whole
-- @treturn ?string what is wrong with the file
-- @treturn ?string code
function Reader:next()
  local line, why, code = self:raw(LONGEST_LINE)
  if not line then
    return nil, why, code
  end
  local entry = json.decode(line)
  if type(entry) ~= "table" then
    return self:fail("line %d is no JSON object", self.lines)
  elseif entry.sha256 then
    if entry.lines ~= self.lines - 1 or entry.sha256 ~= self.digest:finish() then
      return self:fail("it was changed after it was made: its checksum does not fit")
    end
    return nil
  end
  self.digest:add(line)
  for kind, declaration in pairs(LINES) do
    if entry[kind] ~= nil then
      local checked
      checked, why = options.verify(("line %d"):format(self.lines), entry, declaration)
      if not checked then
        return self:fail("%s", why)
      end
      checked.kind = kind
      return checked
    end
  end
  return self:fail("line %d says nothing that this program knows", self.lines)
end

--- Closes the file. May be called twice.
function Reader:close()
  if self.file then
    self.file:close()
    self.file = nil
  end
end

return M
