--- Where records come from: a file, standard input, or the mirror of a connection.
-- Owns the open file and the splitter; gives chunks of whole records in order. Does not know what
-- a record means. A failure ends the chunks and is kept: ask `input:failure()` after the last one.
local core = require("tagua.core")

local M = {}

-- Small enough to stay in a core's cache between being read, split, sent and decided.
local READ_BYTES, CHUNK_BYTES = 64 * 1024, 128 * 1024

local Input = {}
Input.__index = Input

local FORMATS = { csv = "csv", tsv = "csv", txt = "csv", jsonl = "jsonl", ndjson = "jsonl" }

--- The format that a file's name stands for.
-- @tparam string path
-- @treturn ?string `"csv"`, `"jsonl"`, or nil
function M.format_of(path)
  local extension = path:lower():match("%.(%w+)$")
  return extension and FORMATS[extension]
end

-- JSONL begins with a brace, whatever the file is called; a CSV header never does.
local function sniff(bytes)
  return bytes:match("^\xEF\xBB\xBF%s*{") and "jsonl" or bytes:match("^%s*{") and "jsonl" or "csv"
end

-- Gives a function that reads, one that closes, and the open file; or nil, message, code.
local function reader_of_file(path)
  if path == "-" then
    return function()
      return io.read(READ_BYTES)
    end, function() end, nil, io.input()
  end
  if core.system.file_kind(path) == "folder" then
    return nil, ("cannot read the users from '%s': it is a folder"):format(path), "EINPUT"
  end
  local file, message = io.open(path, "rb")
  if not file then
    return nil, ("cannot read the users: %s"):format(message), "EINPUT"
  end
  return function()
    return file:read(READ_BYTES)
  end, function()
    file:close()
  end, nil, file
end

-- A reader over an iterator of lines (the mirror's records): hands them on in large pieces.
local function reader_of_lines(lines)
  return function()
    local pieces, size = {}, 0
    while size < READ_BYTES do
      local line = lines()
      if not line then
        break
      end
      pieces[#pieces + 1] = line
      size = size + #line
    end
    return size > 0 and table.concat(pieces) or nil
  end
end

--- Opens an input and reads as much of it as it takes to know its columns.
-- @tparam table options
-- @tparam ?string options.path a file, or `-` for standard input
-- @tparam ?function options.lines an iterator over JSONL lines, each with its newline, instead of a path
-- @tparam ?string options.name what to call it in messages
-- @tparam ?string options.format `"csv"` or `"jsonl"`; else from the name, else from the first bytes
-- @tparam ?string options.delimiter one character, `,` unless told (tab for .tsv)
-- @tparam ?boolean|string options.hash false: `hash` will not be asked for; a text: what it gives, where these are
--   the lines of something else
-- @tparam ?string options.encoding an iconv name such as `big5`; UTF-8 unless told
-- @return the input, or nil, message, code (`EINPUT`)
function M.open(options)
  local read, close, file
  if options.lines then
    read, close = reader_of_lines(options.lines), function() end
  else
    local code
    read, close, code, file = reader_of_file(options.path)
    if not read then
      return nil, close, code
    end
  end
  local self = setmetatable({
    name = options.name or (options.path == "-" and "standard input" or options.path),
    read = read,
    again = options.path and core.system.file_kind(options.path) == "file" and options or nil,
    file = not options.encoding and file or nil, -- read without a string of its bytes, once it has begun
    close_source = close,
    ready = {},
    first = 1,
    bytes = 0,
    digest = options.hash == nil and core.digest.sha256() or nil,
    hashed = options.hash or nil,
  }, Input)
  local ok, message, code = self:begin(options)
  if not ok then
    self:close()
    return nil, message, code
  end
  return self
end

-- What people take for a table of records, and what makes one of it.
local function foreign(bytes)
  if bytes:match("^PK\3\4") then
    return "it is a workbook of Excel or another zip archive: save it as CSV (UTF-8)"
  elseif bytes:match("^\xEF?\xBB?\xBF?%s*%[%s*{") then
    return "it is one JSON array: write one record a line, as jq -c '.[]' does"
  end
  return nil
end

local EINTR = 4

-- The next bytes. Nil at the end, and where reading fails, which is kept: a file that can't be read
-- further must not pass for a shorter one.
function Input:more()
  local bytes, message, number = self.read()
  if not bytes then
    self:unreadable(message, number)
  end
  return bytes
end

-- Keeps why a file can't be read, where there is a reason -> whether there is.
function Input:unreadable(message, number)
  if number == EINTR then
    self:fail("interrupted while it was read: nothing was changed", "EINTERRUPTED")
  elseif message then
    self:fail("cannot be read: " .. message)
  end
  return message ~= nil
end

-- Reads on in the file.
function Input:read_on()
  local chunks, message, number = self.splitter:read(self.file, READ_BYTES, self.digest)
  if chunks then
    self.bytes = self.bytes + message
    self:take(chunks)
  elseif type(number) == "string" then
    self:fail(message, number)
  elseif not self:unreadable(message, number) then
    self:finish()
  end
end

-- Reads until the columns are known (CSV) or the first bytes are there (JSONL).
function Input:begin(options)
  local bytes = self:more()
  if self.message then
    return nil, self.message, self.code
  elseif not bytes then
    return nil, ("%s is empty: there is no record in it"):format(self.name), "EINPUT"
  end
  local other = foreign(bytes)
  if other then
    return nil, ("%s can't be read as records: %s"):format(self.name, other), "EINPUT"
  end
  self.format = options.format
    or (options.lines and "jsonl")
    or (options.path and M.format_of(options.path))
    or sniff(bytes)
  self.delimiter = options.delimiter or (options.path and options.path:lower():match("%.tsv$") and "\t") or ","
  local message, code
  self.splitter, message, code = core.record.splitter({
    format = self.format,
    delimiter = self.delimiter,
    encoding = options.encoding,
    chunk = CHUNK_BYTES,
  })
  if not self.splitter then
    return nil, message, code
  end
  while bytes do
    if not self:feed(bytes) then
      return nil, self.message, self.code
    end
    if self.format ~= "csv" or self.splitter:header() then
      break
    end
    bytes = self:more()
  end
  if not bytes and (self.message or not self:finish()) then
    return nil, self.message, self.code
  end
  if self.format == "csv" and not self.splitter:header() then
    return nil, ("%s has no header row"):format(self.name), "EINPUT"
  end
  return true
end

-- Ends the chunks and keeps why.
function Input:fail(message, code)
  self.message, self.code = ("%s: %s"):format(self.name, message), code or "EINPUT"
  self.ended = true
end

-- Queues what the splitter gave -> whether it gave anything but a failure.
function Input:take(chunks, message, code)
  if not chunks then
    self:fail(message, code)
    return false
  end
  table.move(chunks, 1, #chunks, #self.ready + 1, self.ready)
  return true
end

-- Hands bytes to the splitter.
function Input:feed(bytes)
  self.bytes = self.bytes + #bytes
  if self.digest then
    self.digest:add(bytes)
  end
  return self:take(self.splitter:feed(bytes))
end

-- Tells the splitter that there is no more.
function Input:finish()
  self.ended = true
  return self:take(self.splitter:finish())
end

--- The names of the columns, in order.
-- @treturn ?{string,...} nil for JSONL
function Input:header()
  return self.format == "csv" and self.splitter:header() or nil
end

--- The next chunk of whole records.
-- @treturn ?string nil at the end or after a failure
-- @treturn ?integer the line that it begins with
function Input:next()
  while self.first > #self.ready do
    if self.ended then
      return nil
    end
    self.ready, self.first = {}, 1
    local bytes = not self.file and self:more()
    if self.file then
      self:read_on()
    elseif bytes then
      self:feed(bytes)
    elseif not self.message then
      self:finish()
    end
  end
  local chunk = self.ready[self.first]
  self.ready[self.first] = false
  self.first = self.first + 1
  return chunk[1], chunk[2]
end

--- The next chunk, which `next` gives then.
-- @treturn ?string as `next`
-- @treturn ?integer
function Input:peek()
  local chunk, line = self:next()
  if chunk then
    self.first = self.first - 1
    self.ready[self.first] = { chunk, line }
  end
  return chunk, line
end

--- The ids of a few records, for a message: reads the file once more.
-- @tparam string column the id's
-- @tparam {integer,...} lines where the records begin
-- @treturn table { [line] = id }; without those that can't be had, all of them where the input can be read only once
function Input:ids(column, lines)
  local found, wanted, left = {}, {}, #lines
  for _, line in ipairs(lines) do wanted[line] = true end
  local other = self.again and M.open(setmetatable({ hash = false }, { __index = self.again }))
  local reader = other and core.record.reader({
    format = other.format, header = other:header(), delimiter = other.delimiter, id = column, fields = {},
  })
  while reader and left > 0 do
    local chunk, first = other:next()
    if not chunk then break end
    for _, record in ipairs(reader:read(chunk, first)) do
      if wanted[record.line] then found[record.line], left = record.id, left - 1 end
    end
  end
  if other then other:close() end
  return found
end

--- Stops reading: the chunks end after those that were given.
function Input:stop()
  self.ready, self.first, self.ended, self.stopped = {}, 1, true, true
end

--- The SHA-256 of all that was read, once there is no more.
-- @treturn ?string nil before the end, and where it was not to be told
function Input:hash()
  if self.digest and not self.hashed and self.ended and not self.stopped then
    self.hashed = self.digest:finish()
  end
  return self.hashed
end

--- Why the chunks ended early.
-- @treturn ?string message, nil when the input was read to its end
-- @treturn ?string code
function Input:failure()
  return self.message, self.code
end

--- Closes the file. May be called twice.
function Input:close()
  if self.close_source then
    self.close_source()
    self.close_source = nil
  end
end

return M
