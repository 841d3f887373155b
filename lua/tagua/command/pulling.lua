--- Brings the users of a connection and their tags into the mirror, all or nothing.
-- Shows how far it is on standard error; the mirror stays as it was until the last page came.
local core = require("tagua.core")
local progress = require("tagua.progress")

local M = {}

local BATCH = 1000 -- users handed to the ledger at once

--- A progress line on standard error, as every command shows it.
-- @tparam context context
-- @return see tagua.progress
function M.line(context)
  return progress.new({
    write = function(text) context.err:write(text) end,
    terminal = context.error_terminal,
    clock = core.system.monotonic_ns,
    columns = function() return core.system.columns(2) end,
  })
end

-- Every page into the pull, until the last one or a signal -> how many users.
local function take_users(context, connection, pull, line)
  local batch, count = {}, 0
  for user, message, code in connection:users() do
    if not user then
      return nil, message, code
    end
    batch[#batch + 1] = user
    count = count + 1
    if #batch == BATCH then
      context:check(pull:put(batch))
      batch = {}
      line:update({ done = count, noun = "users" })
    end
    if context:interrupted() then
      return nil, "interrupted: the mirror is as it was", "EINTERRUPTED"
    end
  end
  context:check(pull:put(batch))
  return count
end

--- Pulls a connection.
-- @tparam context context
-- @tparam string name the connection
-- @treturn table the ledger's sums of the pull
-- @treturn number seconds it took
function M.pull(context, name)
  local book, connection = context:book(name), context:connection(name)
  local line = M.line(context)
  local pull = context:check(book:pull())
  local ok, count, message, code = xpcall(take_users, function(problem)
    return type(problem) == "table" and problem or debug.traceback(tostring(problem), 2)
  end, context, connection, pull, line)
  line:finish()
  if not ok or not count then
    pull:abandon()
    if not ok then
      error(count, 0)
    end
    context:fail(message, code)
  end
  return context:check(pull:finish()), line:seconds()
end

return M
