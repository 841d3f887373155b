--- Says of a connection's credentials that they end soon, where nothing replaces them by itself.
local terminal = require("tagua.terminal")

local M = {}

local WARN = 7 * 86400 -- seconds ahead of the end

--- Warns on standard error.
-- @tparam context context
-- @tparam string name the connection
-- @tparam[opt] integer now seconds since the epoch
-- @treturn string|nil the warning
function M.warn(context, name, now)
  local settings = context:settings(name)
  if settings.is_local or not settings.vendor.pair then return nil end
  local expires, rotates = context:connection(name):expires()
  local left = expires and expires - (now or os.time())
  if not left or left > WARN or rotates then return nil end
  local remedy = settings.pair
    and ("tagua token refresh %s replaces it, which rotate = true does by itself"):format(name)
    or settings.vendor.token_help
  local when = left < 0 and "has expired"
    or left >= 2 * 86400 and "expires in " .. terminal.count(left // 86400, "day")
    or left >= 7200 and "expires in " .. terminal.count(left // 3600, "hour")
    or "expires in less than two hours"
  local warning = ("the token of '%s' %s: %s"):format(name, when, remedy)
  context:note(context.paint_error("yellow", "warning: ") .. warning)
  return warning
end

return M
