--- Whether a connection may send at this hour, and what to say where it may not: `hours` on a connection, told
-- by the clock of its zone.
-- @module tagua.gate
local core = require("tagua.core")
local hours = require("tagua.hours")

local M = {}

--- Makes the question for one connection.
-- @tparam string name the connection's
-- @tparam table settings see `tagua.settings`
-- @tparam[opt=os.time] function now seconds since the epoch
-- @treturn ?function gives nil while the connection sends, else why it does not, and `EHOURS`; no function where
--   it has no hours
-- @treturn ?string what is wrong with the zone
-- @treturn ?string code
function M.new(name, settings, now)
  if not settings.hours then
    return nil
  end
  local zone, message, code = core.zone.open(settings.zone)
  if not zone then
    return nil, message, code
  end
  local window, clock = hours.parse(settings.hours), now or os.time
  return function()
    local at = clock()
    local open, opens = hours.open(window, zone, at)
    if open then
      return nil
    end
    local text = ("'%s' sends from %s (%s), and it is %s there: run this again after %s"):format(name,
      settings.hours:gsub("%s*%-%s*", " to "), settings.zone, zone:format(at):sub(12, 16),
      zone:format(opens):sub(1, 16))
    return text, "EHOURS"
  end
end

return M
