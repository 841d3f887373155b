--- Brings the users of a connection and their tags into the mirror, a page at a time.
-- Nothing vanishes from the mirror until the last page came.
local progress = require("tagua.command.progress")
local terminal = require("tagua.terminal")

local M = {}

--- The pages of a connection's users, one after the other, until the last one or a signal.
-- @tparam context context
-- @tparam string name the connection
-- @treturn function iterator: {user,...} each time; fails as context:fail does
function M.pages(context, name)
  local connection = context:connection(name)
  local cursor, ended
  return function()
    if ended then
      return nil
    elseif context:interrupted() then
      context:fail("interrupted while reading the users of " .. name, "EINTERRUPTED")
    end
    local page = context:check(connection:users_page(cursor))
    cursor = page.next
    ended = cursor == nil
    return page.users
  end
end

local function take_pages(context, name, pull, line, see)
  local count = 0
  for users in M.pages(context, name) do
    context:check(pull:put(users))
    count = count + #users
    if see then see(users) end
    line:update({ done = count, noun = "users" })
  end
end

--- Pulls a connection.
-- @tparam context context
-- @tparam string name the connection
-- @tparam ?function see called with the users of each page, those of other pages of the bot among them
-- @treturn table the ledger's sums of the pull
-- @treturn number seconds it took
function M.pull(context, name, see)
  context:connection(name)
  local line = progress.line(context)
  local pull = context:check(context:book(name):pull())
  local ok, problem = xpcall(take_pages, context.keep_trace, context, name, pull, line, see)
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
  return ("pulled %s: %s, %s new, %s gone; %s on them; %s"):format(
    name, terminal.count(sums.users, "user"), terminal.number(sums.new), terminal.number(sums.gone),
    terminal.count(sums.tags, "tag"), terminal.duration(seconds))
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
