--- The ledger's database as its parts use it: statements prepared once, transactions that give
-- `nil, message, code` whatever fails inside. Knows no table.
local core = require("tagua.core")

local M = {}

local Store = {}
Store.__index = Store

-- What `must` raises inside a transaction; told from a bug by its metatable.
local Failure = {}

-- For all that failed outside of a transaction too: raises as a failure that `transact` turns back.
local function must(first, message, ...)
  if first == nil and message ~= nil then
    error(setmetatable({ message = message, code = (...) }, Failure), 0)
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

--- Iterates over the rows of a statement of its own, so that loops may nest.
function Store:rows(text, ...)
  return must(self.db:prepare(text)):rows(...)
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
