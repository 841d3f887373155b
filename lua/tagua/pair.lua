--- The pair of credentials of a connection whose platform replaces both together: reading it, knowing
-- when it ends, and exchanging it for a new one. What the two are stays in C.
--
-- One pair belongs to one bot, and a new one kills the old one for every other program. So it is
-- replaced only where the connection says `rotate = true`; elsewhere another process's new pair is
-- taken up when it is in the file.
-- @module tagua.pair
local core = require("tagua.core")

local M = {}

local Pair = {}
Pair.__index = Pair

local MARGIN = 3 * 86400 -- seconds ahead of its end that a pair is replaced at the latest
local RETRY = 60 -- seconds before it is tried again, whatever came of it

--- Opens the pair of a connection.
-- @tparam table settings checked: pair (a path), rotate, vendor, identity, timeouts
-- @tparam string base where the platform is
-- @treturn table|nil
-- @treturn string what is wrong
-- @treturn string code
function M.open(settings, base)
  local handle, message, code = core.pair.open(settings.pair)
  if not handle then return nil, message, code end
  local self = setmetatable({ handle = handle, settings = settings, base = base, not_before = 0 }, Pair)
  self:plan()
  return self
end

-- When it is time to replace the pair ahead of its end: a tenth of its life, and three days at most;
-- not twice within half a life, whatever the clocks say.
function Pair:plan()
  local times = self.handle:times()
  self.due_at = nil
  if not (self.settings.rotate and times.expires) then return end
  local began = times.issued or times.stored or times.expires
  local life = math.max(times.expires - began, 0)
  local due_at = times.expires - math.min(MARGIN, life // 10)
  self.due_at = math.max(due_at, (times.stored or 0) + life // 2)
end

--- Whether the pair should be replaced ahead of its end.
-- @treturn boolean
function Pair:due()
  if not self.due_at then return false end
  local now = os.time()
  return now >= self.due_at and now >= self.not_before
end

--- When what happened: stored, issued, expires, cut_off, in seconds since the epoch.
-- @treturn table
function Pair:times() return self.handle:times() end

--- Asks the platform for a new pair, unless another process did meanwhile.
-- @tparam[opt] function reached told of each point at which the process may end, by name
-- @treturn string|nil `rotated` or `adopted`
-- @treturn string message
-- @treturn string code
function Pair:refresh(reached)
  local settings = self.settings
  local how, answer = settings.vendor.pair, settings.vendor.pair.answer
  local done, message, code = self.handle:refresh({
    base = self.base,
    path = how.path(settings.identity),
    field = how.field,
    success = answer.success,
    code = answer.code,
    message = answer.message,
    token = answer.token,
    secret = answer.secret,
    replaced = how.replaced,
    user_agent = "tagua/" .. require("tagua.version"),
    ca_file = settings.ca_file,
    connect_timeout = settings.connect_timeout,
    timeout = settings.timeout,
    attempts = settings.attempts,
    reached = reached,
  })
  self:plan()
  if not done then return nil, "cannot replace the pair: " .. message, code end
  return done
end

-- Takes up what another process has put into the file.
function Pair:reload(complaint)
  local changed, message, code = self.handle:reload()
  if changed == nil then return nil, message, code end
  self:plan()
  if not changed then return nil, complaint, "EAUTH" end
  return "adopted"
end

--- Sees to a pair that works, after the platform refused the one there is or because it is due.
-- @tparam integer refusal the platform's code, 0 when it refused nothing
-- @treturn string|nil `rotated`, `adopted`, or `kept` where it could not be replaced ahead of its end
-- @treturn string message
-- @treturn string code
function Pair:renew(refusal)
  local settings = self.settings
  if refusal == 0 then
    self.not_before = os.time() + RETRY
    return self:refresh() or "kept"
  elseif refusal == settings.vendor.pair.replaced then
    -- Never with a pair that was replaced: whoever did it has put the new one into the file, or not.
    return self:reload(("the pair in '%s' was replaced (code %d), and the file holds no newer one%s"):format(
      settings.pair, refusal,
      self.handle:times().cut_off and ": a refresh was cut off before its answer was on disk" or ""))
  elseif settings.rotate then
    return self:refresh()
  end
  return self:reload(("the pair in '%s' has expired (code %d): tagua token refresh %s replaces it, which"
    .. " rotate = true does by itself"):format(settings.pair, refusal, settings.name))
end

-- Puts the halves where a connection has its secrets.
function Pair:hand_over(secrets)
  local how = self.settings.vendor.pair
  self:wipe()
  self.token, self.secret = self.handle:token(), self.handle:secret()
  secrets[how.token], secrets[how.secret] = self.token, self.secret
end

-- Closes the halves that were handed over.
function Pair:wipe()
  if self.token then
    self.token:close()
    self.secret:close()
  end
end

--- Holds the queue when the pair is due: there is something to send, and it goes with the new one.
-- @param engine
function Pair:look_ahead(engine)
  if self:due() and engine:pending() > 0 then engine:hold() end
end

--- Sees to credentials that work, once nothing is under way and everything waits for them.
-- @tparam connection connection
function Pair:attend(connection)
  local engine = connection.engine
  local refusal = engine:renewal()
  if not refusal then return end
  local done, message, code = self:renew(refusal)
  if done then
    self:hand_over(connection.secrets)
    done, message, code = engine:renew({ bearer = self.token, body_secret = self.secret })
  end
  if not done then engine:give_up(("connection '%s': %s"):format(connection.name, message), code) end
end

--- Forgets the pair, which stays in its file.
function Pair:close()
  self:wipe()
  self.handle:close()
end

--- Opens the pair of a connection and puts its halves where the connection has its secrets.
-- @tparam connection connection
-- @treturn boolean|nil true
-- @treturn string message
-- @treturn string code
function M.attach(connection)
  local message, code
  connection.pair, message, code = M.open(connection.settings, connection.base)
  if not connection.pair then return nil, message, code end
  connection.pair:hand_over(connection.secrets)
  return true
end

--- When a token ends, where it says so.
-- @tparam[opt] userdata token a secret
-- @treturn integer|nil seconds since the epoch
function M.expires(token) return token and core.pair.claims(token).expires or nil end

return M
