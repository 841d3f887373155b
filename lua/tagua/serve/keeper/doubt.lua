--- Users of whom nobody knows what became of an operation: reads them again once their turn has come, has the mirror
-- believe what the platform shows, and has them decided again. What a person does who pulls, for one user.
-- Reads only as the sender, between its turns.
local M = {}

local Doubt = {}
Doubt.__index = Doubt

--- @tparam table k the keeper
-- @tparam function wait gives how long to wait before the n-th try, in milliseconds
function M.new(k, wait)
  return setmetatable({ k = k, wait = wait }, Doubt)
end

-- A user who can't be read now has another turn; one whom the platform does not know, or shows nothing of, has not.
function Doubt:unread(user, message, code)
  local k = self.k
  if k.connection:stopped() then
    return
  end
  if code == "ENOUSER" or code == "ENOTFOUND" or code == "EUNSUPPORTED" then
    k.state:settled(user)
  else
    local tries = k.state:tries(user) + 1
    k.state:again(user, k.now() + self.wait(tries), tries)
  end
  k.log:seldom("warning", "unread", ("what became of a user's tags can't be read: %s"):format(message),
    { user = user, code = code })
end

--- Reads the next one whose turn it is.
-- @treturn boolean|nil whether there was one
-- @treturn string message
-- @treturn string code
function Doubt:round()
  local k = self.k
  local user = k.state:doubtful(k.now())
  if not user then
    return false
  elseif not k.connection:can("user_tags") then
    k.state:settled(user)
    return true
  end
  local moment, message, code = k.book:before_glance()
  if not moment then
    return nil, message, code
  end
  local tags
  tags, message, code = k.connection:user_tags(user)
  if not tags then
    self:unread(user, message, code)
    return true
  end
  local ok
  ok, message, code = k.book:glance(user, tags, moment)
  if not ok then
    return nil, message, code
  end
  return true -- its turn comes now, and nothing is in doubt any more
end

return M
