--- The one sender of a connection: takes the connection's lock, or says who holds it.
-- The kernel frees the lock when the process ends, however it ends.
local core = require("tagua.core")

local M = {}

-- A part of a file's name: everything but letters, digits, - and . as %XX.
local function part(text)
  return (tostring(text):gsub("[^%w%-.]", function(byte)
    return ("%%%02X"):format(byte:byte())
  end))
end

local function state_folder(getenv)
  local home = getenv("XDG_STATE_HOME")
  if not home or home == "" then
    home = (getenv("HOME") or ".") .. "/.local/state"
  end
  return home .. "/tagua"
end

--- The file whose lock makes a process the sender: one for each account, whatever folder or ledger
-- the process works with. The local twin is one account for each store and platform.
-- @tparam table settings see tagua.settings
-- @tparam function getenv
-- @treturn string path
-- @treturn ?string the folder that has to be there
function M.path(settings, getenv)
  if settings.is_local then
    local first = require("tagua.platform").local_names[1]
    return settings.store .. (settings.as and settings.as ~= first and "." .. settings.as or "") .. ".lock"
  end
  local parts = { part(settings.platform) }
  for _, name in ipairs({ "bot", "page" }) do
    if settings[name] then
      parts[#parts + 1] = part(settings[name])
    end
  end
  local folder = state_folder(getenv)
  return folder .. "/" .. table.concat(parts, "+"):sub(1, 200) .. ".lock", folder
end

--- Tries to make this process the sender of a connection.
-- @tparam context context
-- @tparam string name
-- @return the lock, with `release`; or nil
-- @treturn string who is the sender, where another process is
function M.try(context, name)
  local path, folder = M.path(context:settings(name), context.getenv)
  if folder then
    context:check(core.system.make_folder(folder))
  end
  local holder = ("process %d with the ledger %s"):format(core.system.pid(), context.ledger_path)
  local lock, message, code = core.lock.try(path, holder)
  if not lock and code ~= "ELOCKED" then
    context:fail(message, code)
  end
  return lock, message ~= "" and message or "another process"
end

-- Whether the process that holds the lock works with this ledger: then it sends for this one, too.
-- It says so in the ledger a moment after it has the lock.
local function shares_ledger(context, name, holder)
  local pid = holder:match("^process (%d+)")
  for _ = 1, 20 do
    local sender = context:book(name):sender()
    if pid and sender and sender:match("^%d+") == pid then
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
