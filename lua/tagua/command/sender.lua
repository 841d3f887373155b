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
-- the process works with. The local twin is one account for each store.
-- @tparam table settings see tagua.settings
-- @tparam function getenv
-- @treturn string path
-- @treturn ?string the folder that has to be there
function M.path(settings, getenv)
  if settings.is_local then
    return settings.store .. ".lock"
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

--- Makes this process the sender of a connection until the command ends.
-- @tparam context context
-- @tparam string name
function M.become(context, name)
  context:once("sender of " .. name, function()
    local path, folder = M.path(context:settings(name), context.getenv)
    if folder then
      context:check(core.system.make_folder(folder))
    end
    local holder = ("process %d with the ledger %s"):format(core.system.pid(), context.ledger_path)
    local lock, message, code = core.lock.try(path, holder)
    if not lock and code == "ELOCKED" then
      context:fail(("%s is sending to '%s': wait until it is done, and run this again"):format(
        message ~= "" and message or "another process", name), code)
    end
    context:check(lock, message, code)
    return context:keep({ close = function() lock:release() end })
  end)
end

return M
