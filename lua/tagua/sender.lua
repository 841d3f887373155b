--- Who may send for a connection: a kernel lock on a file of its own for each account, whatever folder,
-- ledger or program a process works with. The kernel frees it when the process ends, however it ends.
local core = require("tagua.core")

local M = {}

-- A part of a file's name: everything but letters, digits, - and . as %XX.
local function part(text)
  return (tostring(text):gsub("[^%w%-.]", function(byte)
    return ("%%%02X"):format(byte:byte())
  end))
end

--- Where tagua keeps on this machine what belongs to no ledger: `$XDG_STATE_HOME/tagua`.
-- @tparam function getenv
-- @treturn string
function M.folder(getenv)
  local home = getenv("XDG_STATE_HOME")
  if not home or home == "" then
    home = (getenv("HOME") or ".") .. "/.local/state"
  end
  return home .. "/tagua"
end

--- The file whose lock makes a process the sender: one for each account. The local twin is one account for
-- each store.
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
  local folder = M.folder(getenv)
  return folder .. "/" .. table.concat(parts, "+"):sub(1, 200) .. ".lock", folder
end

--- Tries to become the sender.
-- @tparam table settings
-- @tparam string ledger the file, for those who find the lock taken
-- @tparam[opt=os.getenv] function getenv
-- @return the lock, with `release`; or nil
-- @treturn string who is the sender, or what went wrong
-- @treturn string `ELOCKED`, or the code of what went wrong
function M.try(settings, ledger, getenv)
  local path, folder = M.path(settings, getenv or os.getenv)
  if folder then
    local made, message, code = core.system.make_folder(folder)
    if not made then
      return nil, message, code
    end
  end
  local holder = ("process %d with the ledger %s"):format(core.system.pid(), ledger)
  local lock, message, code = core.lock.try(path, holder)
  if not lock and code == "ELOCKED" and message == "" then
    message = "another process"
  end
  return lock, message, code
end

return M
