--- The one sender of a connection: takes the connection's lock, or says who holds it.
-- The kernel frees the lock when the process ends, however it ends.
local core = require("tagua.core")
local sender = require("tagua.sender")

local M = {}

--- The file whose lock it is; see tagua.sender.
M.path = sender.path

--- Tries to make this process the sender of a connection.
-- @tparam context context
-- @tparam string name
-- @return the lock, with `release`; or nil
-- @treturn string who is the sender, where another process is
function M.try(context, name)
  local lock, message, code = sender.try(context:settings(name), context.ledger_path, context.getenv)
  if not lock and code ~= "ELOCKED" then
    context:fail(message, code)
  end
  return lock, message
end

-- Whether the process that holds the lock works with this ledger: then it sends for this one, too.
-- It says so in the ledger a moment after it has the lock.
local function shares_ledger(context, name, holder)
  local pid = holder:match("^process (%d+)")
  for _ = 1, 20 do
    local process = context:book(name):sender()
    if pid and process and process:match("^%d+") == pid then
      return true
    end
    core.system.sleep(0.05)
  end
  return false
end

--- Makes this process the sender of a connection, until `leave`. Where another process with the same
-- ledger is, that one sends what this one plans; one with another ledger has to be waited for.
-- @tparam context context
-- @tparam string name
-- @treturn boolean whether it is
function M.become(context, name)
  local lock, holder = M.try(context, name)
  if not lock then
    if shares_ledger(context, name, holder) then
      return false
    end
    context:fail(("%s is sending to '%s': wait until it is done, and run this again"):format(holder, name), "ELOCKED")
  end
  context.senders = context.senders or {}
  context.senders[name] = context:keep({ close = function() lock:release() end })
  context:check(context:book(name):take_over())
  return true
end

--- Whether this process is the sender.
-- @treturn boolean
function M.is(context, name)
  return context.senders ~= nil and context.senders[name] ~= nil
end

--- Lets others be the sender: a plan may take its time, and somebody may have to be asked.
function M.leave(context, name)
  if M.is(context, name) then
    context.senders[name].close()
    context.senders[name] = nil
  end
end

return M
