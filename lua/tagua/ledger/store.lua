--- The ledger's database as its parts use it: statements prepared once, transactions that give
-- `nil, message, code` whatever fails inside. Knows no table.
local core = require("tagua.core")

local M = {}

local Store = {}
Store.__index = Store

-- What `must` raises inside a transaction; told from a bug by its metatable.
local Failure = {}
function Failure.__tostring(failure)
  return failure.message
end

--- Whether an error value is a failure of the database that nobody turned into `nil, message, code`: loops over
-- rows have no place for it.
-- @param value
-- @treturn boolean then it has `message` and `code`
function M.is_failure(value)
  return getmetatable(value) == Failure
end

-- A file that is damaged is not one to try again with.
local function code_of(message, code)
  return code == "ESQL" and tostring(message):find("damaged", 1, true) and "ELEDGER" or code
end

-- For all that failed outside of a transaction too: raises as a failure that `transact` turns back.
local function must(first, message, ...)
  if first == nil and message ~= nil then
    error(setmetatable({ message = message, code = code_of(message, (...)) }, Failure), 0)
  end
  return first, message, ...
end

--- Passes results on, or leaves the transaction with them when they are `nil, message, code`.
M.must = must

--- Leaves the transaction with a message and a code.
-- @tparam string code
-- @tparam string format
function M.fail(code, format, ...)
  error(setmetatable({ message = format:format(...), code = code }, Failure), 0)
end

--- Runs a function whose failures were raised by `must` or `fail`.
-- @tparam function f
-- @return what it returns, or nil, message, code; a bug inside is raised again
function M.try(f, ...)
  local function judged(ok, first, ...)
    if ok then
      return first, ...
    end
    if getmetatable(first) == Failure then
      return nil, first.message, first.code
    end
    error(first, 0)
  end
  return judged(pcall(f, ...))
end

--- Opens the database.
-- @tparam string path
-- @tparam table options of `core.sql.open`
-- @treturn table|nil
-- @treturn string message
-- @treturn string code
function M.open(path, options)
  local db, message, code = core.sql.open(path, options)
  if not db then
    return nil, message, code
  end
  return setmetatable({ db = db, path = path, prepared = {} }, Store)
end

--- The statement of this text, prepared at its first use. A text that can't be prepared is a bug,
-- or a damaged file.
function Store:prepare(text)
  local statement = self.prepared[text]
  if not statement then
    statement = must(self.db:prepare(text))
    self.prepared[text] = statement
  end
  return statement
end

--- Runs a statement -> rows changed. For use inside `transact` or `try`, as the two below.
function Store:run(text, ...)
  return must(self:prepare(text):run(...))
end

--- The first row of a statement.
function Store:row(text, ...)
  return must(self:prepare(text):row(...))
end

-- What a step of a loop over rows gave; a file that can't be read on raises as a failure.
local function stepped(ok, first, ...)
  if ok then
    return first, ...
  end
  local message = tostring(first):gsub("^[^:]+:%d+: ", "")
  error(setmetatable({ message = message, code = code_of(message, "ESQL") }, Failure), 0)
end

--- Iterates over the rows of a statement of its own, so that loops may nest.
function Store:rows(text, ...)
  local next_row, state, control, closing = must(self.db:prepare(text)):rows(...)
  return function(at, last)
    return stepped(pcall(next_row, at, last))
  end, state, control, closing
end

--- Runs a function in one transaction; inside another one, as a part of it.
-- @tparam function f
-- @return what it returns (true for nothing), or nil, message, code and nothing has happened
function Store:transact(f, ...)
  if self.db:in_transaction() then
    return f(...)
  end
  local arguments = table.pack(...)
  return M.try(function()
    return must(self.db:transaction(function()
      return f(table.unpack(arguments, 1, arguments.n))
    end))
  end)
end

--- Closes the file; whoever comes later opens it anew.
function Store:close()
  self.db:close()
end

local MAX_MESSAGE = 500

--- A text cut to a number of bytes at a character's boundary.
-- @tparam string|nil text
-- @tparam[opt=500] integer bytes
function M.cap(text, bytes)
  bytes = bytes or MAX_MESSAGE
  if not text or #text <= bytes then
    return text
  end
  local last = bytes
  while last > 0 and (text:byte(last + 1) & 0xC0) == 0x80 do
    last = last - 1
  end
  return text:sub(1, last)
end

--- A message as it is stored: without the value of any secret, and not too long.
-- @tparam string|nil text
function M.text(text)
  return text and M.cap(core.secret.redact(text))
end

--- The places of a list in the order of their values, so that look-ups go through the file forward.
-- @tparam {string,...} keys
-- @treturn {integer,...}
function M.order(keys)
  local places = {}
  for i = 1, #keys do
    places[i] = i
  end
  table.sort(places, function(a, b)
    return keys[a] < keys[b]
  end)
  return places
end

return M
