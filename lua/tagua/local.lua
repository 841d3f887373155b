--- The platform that needs no account: a twin inside this process, on a Unix socket.
--
-- Owns the private folder (0700) that holds the socket, and the twin; `close` removes both. The
-- store, a file of its own, stays.
-- @module tagua.local
local core = require("tagua.core")

local M = {}

-- A socket's path has room for 107 bytes; TMPDIR may be longer than that leaves.
local LONGEST_FOLDER = 60

local Local = {}
Local.__index = Local

local function private_folder()
  local parent = os.getenv("TMPDIR")
  if not parent or #parent > LONGEST_FOLDER or parent:sub(1, 1) ~= "/" then parent = "/tmp" end
  local folder = ("%s/tagua-%s"):format(parent:gsub("/+$", ""), core.system.random_hex(16))
  local ok, message, code = core.system.make_folder(folder)
  if not ok then return nil, message, code end
  return folder
end

-- Makes up the credentials that the platform's options name, and lets them in.
local function let_in(self, settings)
  local vendor = settings.vendor
  if not vendor.pair then
    self.secrets = { [vendor.bearer] = self.secret }
    return self.twin:add_token(self.secret, { bot = settings.bot })
  end
  local token, message, code = self.twin:lend_pair(settings.bot, self.secret)
  if not token then return nil, message, code end
  self.token = token
  self.secrets = { [vendor.pair.token] = token, [vendor.pair.secret] = self.secret }
  return true
end

--- Opens the store and starts to listen.
-- @tparam table settings checked: store, faults, limit, identity
-- @treturn table|nil `address` ("unix:..."), `secrets` (by the names of the platform's options)
-- @treturn string what went wrong
-- @treturn string code
function M.open(settings)
  local twin_module = require("tagua.twin")
  local folder, message, code = private_folder()
  if not folder then return nil, message, code end
  local self = setmetatable({ folder = folder, address = "unix:" .. folder .. "/twin" }, Local)
  self.secret, message, code = core.secret.random()
  if self.secret then
    self.twin, message, code = twin_module.open({
      store = settings.store,
      address = self.address,
      faults = settings.faults,
      rate = settings.limit,
      durability = "normal", -- nobody waits for a disk to try a rule out
    })
  end
  local ready
  if self.twin then
    ready, message, code = let_in(self, settings)
  end
  if not ready then
    self:close()
    return nil, message, code
  end
  return self
end

--- What to wait on beside one's own descriptors.
function Local:fd() return self.twin:fd() end

--- Answers every request that is waiting.
function Local:step() return self.twin:step() end

--- Stops listening, shuts the token out, closes the store, removes the folder.
function Local:close()
  if self.twin then
    self.twin:remove_token(self.secret:sha256())
    self.twin:close()
  end
  if self.secret then self.secret:close() end
  if self.token then self.token:close() end
  if self.folder then
    os.remove(self.folder .. "/twin")
    core.system.remove_folder(self.folder)
  end
  self.twin, self.secret, self.token, self.folder = nil, nil, nil, nil
end

return M
