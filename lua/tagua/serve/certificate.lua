--- A certificate's file, looked at now and then: tells when there is another one in it. Holds no key.
-- @module tagua.serve.certificate
local core = require("tagua.core")

local M = {}

local Certificate = {}
Certificate.__index = Certificate

local EVERY_MS = 60000

local function hash_of(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read(1024 * 1024)
  file:close()
  return text and core.secret.sha256(text)
end

--- Takes what is in the file now for the certificate that is in use.
-- @tparam string path of the certificate, not of its key
-- @tparam function now milliseconds
-- @treturn table
function M.watch(path, now)
  return setmetatable({ path = path, now = now, used = hash_of(path), looked = now() }, Certificate)
end

--- Whether there is another certificate than the one in use, and has been for a minute: whoever writes it writes the
-- key, too. Looks once a minute; each new one is told once.
-- @treturn boolean
function Certificate:renewed()
  local now = self.now()
  if now - self.looked < EVERY_MS and now >= self.looked then return false end
  self.looked = now
  local hash = hash_of(self.path)
  local is_new = hash ~= nil and hash ~= self.used and hash == self.seen
  self.seen = hash
  if is_new then self.used = hash end
  return is_new
end

return M
