--- Brings the users of a connection and their tags into the mirror, all or nothing.
-- The mirror stays as it was until the last page came.
local progress = require("tagua.command.progress")
local terminal = require("tagua.terminal")

local M = {}

local BATCH = 1000 -- users handed to the ledger at once

-- Every page into the pull, until the last one or a signal.
local function take_users(context, connection, pull, line)
  local batch, count = {}, 0
  for user, message, code in connection:users() do
    if not user then
      context:fail(message, code)
    end
    batch[#batch + 1] = user
    count = count + 1
    if #batch == BATCH then
      context:check(pull:put(batch))
      batch = {}
      line:update({ done = count, noun = "users" })
    end
    if context:interrupted() then
      context:fail("interrupted: the mirror is as it was", "EINTERRUPTED")
    end
  end
  context:check(pull:put(batch))
end

--- Pulls a connection.
-- @tparam context context
-- @tparam string name the connection
-- @treturn table the ledger's sums of the pull
-- @treturn number seconds it took
function M.pull(context, name)
  local book, connection = context:book(name), context:connection(name)
  local line = progress.line(context)
  local pull = context:check(book:pull())
  local ok, problem = xpcall(take_users, context.keep_trace, context, connection, pull, line)
  line:finish()
  if not ok then
    pull:abandon()
    error(problem, 0)
  end
  return context:check(pull:finish()), line:seconds()
end

--- What a pull brought, in one line.
-- @tparam string name the connection
-- @tparam table sums
-- @tparam number seconds
-- @treturn string
function M.told(name, sums, seconds)
  return ("pulled %s: %s in %s"):format(
    name, terminal.count(sums.users, "user"), terminal.duration(seconds))
end

--- Pulls a connection that was never pulled, or when it is wanted anyway, and says so on standard
-- error.
-- @tparam context context
-- @tparam string name
-- @tparam boolean refresh
function M.ensure(context, name, refresh)
  if refresh or not context:book(name):pulled() then
    context:note(M.told(name, M.pull(context, name)))
  end
end

return M
