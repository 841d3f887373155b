--- What `tagua serve` tells the service manager that started it, systemd or one that speaks as it does: that it is
-- ready, that it reads its rules again, that it ends, that it lives. Where there is none, nothing is sent.
-- @module tagua.serve.manager
local core = require("tagua.core")

local M = {}

local Manager = {}
Manager.__index = Manager

local SECOND = 1000000000

--- Makes one.
-- @tparam table given `log`; for specs `send` (text -> boolean, or nil and a message), `period` (seconds between which
--   a sign of life is wanted), `clock` (nanoseconds that only go forward)
-- @treturn table
function M.open(given)
  return setmetatable({
    log = given.log,
    send = given.send or core.notify.send,
    period = given.period or core.notify.watchdog(),
    clock = given.clock or core.system.monotonic_ns,
  }, Manager)
end

--- Tells something, with a line for `systemctl status`.
-- @tparam string text assignments, one a line
-- @tparam string status
function Manager:tell(text, status)
  local sent, message = self.send(text .. "\nSTATUS=" .. status:gsub("[%c]", " "))
  if sent == nil then self.log:seldom("warning", "manager", message) end
end

--- Everything does its work.
function Manager:ready(status) self:tell("READY=1", status) end

--- The rules are read again; `ready` says that this is over.
function Manager:reloading(status)
  self:tell(("RELOADING=1\nMONOTONIC_USEC=%d"):format(self.clock() // 1000), status)
end

--- This is the end.
function Manager:stopping(status) self:tell("STOPPING=1", status) end

--- Gives a sign of life, three times in each period, and only while all parts answer: a manager that misses it starts
-- the whole again.
-- @tparam boolean answering
-- @tparam string status
function Manager:feed(answering, status)
  if not self.period or not answering then return end
  local now = self.clock()
  if self.fed and now - self.fed < self.period * SECOND / 3 then return end
  self.fed = now
  self:tell("WATCHDOG=1", status)
end

return M
