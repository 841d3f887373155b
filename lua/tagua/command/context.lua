--- What one run of a command has open: output, configuration, ledger, connections, rule workers.
-- Opens each when it is first asked for and closes them in reverse order, also after an error.
local core = require("tagua.core")
local terminal = require("tagua.terminal")

local M = {}
M.__index = M

-- What context:fail raises: a table, so that a bug of ours can't be taken for one.
local Failure = { __name = "tagua.failure" }
Failure.__index = Failure
function Failure:__tostring()
  return self.message
end

--- Whether an error value came from context:fail.
-- @return boolean
function M.is_failure(value)
  return getmetatable(value) == Failure
end

--- For xpcall: lets a failure pass as it is, also one of the ledger in a loop over its rows, and gives a bug its
-- traceback.
-- @param problem
-- @return the failure, or a text
function M.keep_trace(problem)
  local store = package.loaded["tagua.ledger.store"]
  if store and store.is_failure(problem) then
    return setmetatable({ message = problem.message, code = problem.code }, Failure)
  end
  return M.is_failure(problem) and problem or debug.traceback(tostring(problem), 2)
end

--- A context for one run of a command.
-- @tparam table options what the parser found: config, ledger, json, ...
-- @tparam ?table streams { out=, err=, getenv=, now= }, for specs; the process's own unless told
-- @treturn context
function M.new(options, streams)
  streams = streams or {}
  local getenv = streams.getenv or os.getenv
  local self = setmetatable({
    options = options,
    getenv = getenv,
    ledger_path = options.ledger or "tagua.db",
    clock = streams.now or os.time,
    out = streams.out or io.stdout,
    err = streams.err or io.stderr,
    terminal = core.system.is_terminal(1),
    error_terminal = core.system.is_terminal(2),
    opened = {},
    closers = {},
  }, M)
  self.paint = terminal.painter(terminal.wants_colour(self.terminal, getenv) and not options.json)
  self.paint_error = terminal.painter(terminal.wants_colour(self.error_terminal, getenv))
  return self
end

-- Output ------------------------------------------------------------------------------------

--- Takes every secret's value out of a text.
-- @tparam string text
-- @treturn string
function M.redact(text)
  return core.secret.redact(text)
end

--- Writes to standard output. A reader that went away (`| head`) is no error: the rest is not
-- written, and `context.gone` tells a loop that it may stop. Another failure ends the command.
-- @tparam string text
function M:write(text)
  if self.gone then
    return
  end
  self.wrote = true
  local ok, message, number = self.out:write((self.redact(text)))
  if not ok then
    self:lost(message, number)
  end
end

local ENOSPC, EPIPE = 28, 32

-- Standard output took something no more.
function M:lost(message, number)
  self.gone = true
  if number ~= EPIPE then
    self:fail("cannot write to standard output: " .. message, number == ENOSPC and "EDISK" or "EIO")
  end
end

--- Prints one line on standard output.
-- @tparam ?string text the empty line unless told
function M:print(text)
  self:write((text or "") .. "\n")
end

--- Prints one line of something that is going on, on standard error.
-- @tparam string text
function M:note(text)
  self.err:write((self.redact(text)), "\n")
end

--- Prints a value as one line of JSON.
-- @param value as tagua.json takes it
function M:json(value)
  self:print((self:check(require("tagua.json").encode(value))))
end

--- Hands what was printed to whoever reads it.
function M:flush()
  if not self.gone then
    local ok, message, number = self.out:flush()
    if not ok then
      self:lost(message, number)
    end
  end
end

-- Failing -----------------------------------------------------------------------------------

--- Ends the command with one line on standard error and the code's exit code.
-- @tparam string message
-- @tparam ?string code as in errors.lua
function M.fail(_, message, code)
  error(setmetatable({ message = message or "failed without a message", code = code }, Failure), 0)
end

--- Passes a result on, or fails with its message and code: `context:check(ledger.open(path))`.
function M:check(value, ...)
  if not value then
    self:fail(...)
  end
  return value, ...
end

--- The time of day.
-- @treturn integer seconds since the epoch
function M:now()
  return self.clock()
end

--- Whether SIGINT or SIGTERM came (commands with `catches_signals` have to look).
-- @treturn boolean
function M.interrupted(_)
  return core.system.interrupted() > 0
end

--- Asks at the terminal before something is changed; --yes answers beforehand. Anything but yes
-- ends the command with nothing changed.
-- @tparam string question without its question mark's "[y/N]"
function M:confirm(question)
  if self.options.yes then
    return
  end
  local answers = core.system.is_terminal(0) and io.stdin
    or self.error_terminal and io.open("/dev/tty", "r")
  if not answers or not self.error_terminal then
    self:fail("nothing was changed: there is no terminal to ask at; add --yes to go on without"
      .. " being asked", "EUSAGE")
  end
  self:flush()
  self.err:write(self.redact(question), " [y/N] ")
  local answer = answers:read("l")
  if answers ~= io.stdin then
    answers:close()
  end
  if not answer or not answer:lower():match("^%s*y") then
    if not answer then self.err:write("\n") end
    self:fail("nothing was changed, as you said", self:interrupted() and "EINTERRUPTED" or "EGUARD")
  end
end

-- What is open ------------------------------------------------------------------------------

--- Keeps something that has to be closed when the command ends.
-- @param object with a close method
-- @return the object
function M:keep(object)
  self.closers[#self.closers + 1] = object
  return object
end

--- Gives what was made under a name, and makes it the first time.
-- @tparam string name
-- @tparam function open makes it, or fails
-- @return what open gave
function M:once(name, open)
  if self.opened[name] == nil then
    self.opened[name] = open()
  end
  return self.opened[name]
end

-- connections.lua, read once; `local` is always in it.
function M:connections()
  return self:once("connections", function()
    local found, path, serving = require("tagua.config").load(self.options.config)
    self:check(found, path, "ECONFIG")
    self.connections_path, self.serving = path, serving
    return found
  end)
end

-- The options of a connection as they were written; the local store lies beside the ledger.
function M:given(name)
  local connections = self:connections()
  local given = self:check(require("tagua.config").get(connections, name, self.connections_path))
  if given.platform == "local" and not given.store then
    local folder = self.ledger_path:match("^(.*/)[^/]*$") or ""
    given.store = folder .. "tagua-local.db"
  end
  return given
end

--- What a connection is, without opening it: no secret is read, nothing is sent.
-- @tparam string name
-- @treturn table see tagua.settings
function M:settings(name)
  return self:once("settings of " .. name, function()
    local what = ("connection '%s'"):format(name)
    local settings, message = require("tagua.settings").verify(what, self:given(name))
    return self:check(settings, message, "ECONFIG")
  end)
end

--- Says which account a connection is: "shop (botbonnie, bot-1, page test_audi, line)".
-- @tparam string name
-- @treturn string
function M:account(name)
  local settings = self:settings(name)
  local parts = { settings.platform }
  if settings.is_local then
    parts[2] = "the twin in " .. settings.store
  else
    parts[#parts + 1] = settings.bot
    parts[#parts + 1] = settings.page and "page " .. settings.page
    parts[#parts + 1] = settings.channel and tostring(settings.channel)
    parts[#parts + 1] = settings.url and "at " .. settings.url
  end
  return ("%s (%s)"):format(name, table.concat(parts, ", "))
end

--- The connection, open.
-- @tparam string name
-- @return see tagua.connection
function M:connection(name)
  return self:once("connection " .. name, function()
    local given = self:given(name)
    return self:keep(self:check(require("tagua").connect(given)))
  end)
end

--- The ledger, open.
-- @return see tagua.ledger
function M:ledger()
  return self:once("ledger", function()
    return self:keep(self:check(require("tagua.ledger").open(self.ledger_path)))
  end)
end

--- The ledger's side of a connection: registry, mirror, runs.
-- @tparam string name
function M:book(name)
  return self:once("book " .. name, function()
    local settings = self:settings(name)
    local book = self:check(self:ledger():connection(require("tagua.settings").account(settings, name)))
    book:only(require("tagua.fitting").meant(settings))
    return book
  end)
end

--- The processes that run rules.
-- @tparam ?table options of tagua.rules.pool
function M:pool(options)
  return self:once("pool", function()
    return self:keep(self:check(require("tagua.rules.pool").start(options or {})))
  end)
end

--- Closes everything in reverse order; the first failure is returned, the rest go on closing.
-- @treturn ?string message
function M:close()
  local problem
  for i = #self.closers, 1, -1 do
    local object = self.closers[i]
    self.closers[i] = nil
    local ok, message = pcall(object.close, object)
    if not ok then
      problem = problem or tostring(message)
    end
  end
  self.opened = {}
  return problem
end

return M
