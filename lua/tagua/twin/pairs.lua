--- MantaGo's credentials as the twin issues and checks them: a pair of API token and secret, one for
-- each bot, which expire together and are replaced together.
--
-- The token is a JSON Web Token (HS256) signed with the store's own key; its `serial` tells a pair that
-- was replaced from the one that counts. Of the secret the store keeps the hash.
-- @module tagua.twin.pairs
local core = require("tagua.core")

local M = {}

local DAYS_30 = 30 * 86400
local YEARS_100 = 100 * 365 * 86400
local LENT = 0 -- the serial of a pair that a process was lent; those of bots begin with 1

--- Statements for the store.
M.statements = {
  pair = "SELECT serial, secret_hash, issued, expires FROM pairs WHERE bot = ?",
  set_pair = "INSERT INTO pairs(bot, serial, secret_hash, issued, expires) VALUES(?, ?, ?, ?, ?)"
    .. " ON CONFLICT(bot) DO UPDATE SET serial = excluded.serial, secret_hash = excluded.secret_hash,"
    .. " issued = excluded.issued, expires = excluded.expires",
}

--- Gives a bot a new pair, in the caller's transaction.
-- @tparam table store
-- @tparam string bot
-- @tparam[opt] integer seconds how long it is good for, 30 days unless told
-- @treturn table token, secret, expires (milliseconds since the epoch)
function M.issue(store, bot, seconds)
  local now = store.now()
  local serial = (store:row("pair", bot) or 0) + 1
  local secret = core.system.random_hex(32)
  local expires = now // 1000 + (seconds or DAYS_30)
  store:run("set_pair", bot, serial, core.secret.sha256(secret), now, expires * 1000)
  local token, message, code = core.jwt.sign(store.jwt_key, { subject = bot, serial = serial,
    issued = now // 1000, expires = expires })
  if not token then error({ message = message, code = code }, 0) end
  return { token = token, secret = secret, expires = expires * 1000 }
end

--- Gives a bot a new pair, in a transaction of its own: for who administers a store.
-- @tparam table store
-- @tparam string bot
-- @tparam[opt] integer seconds
-- @treturn table|nil as `issue` gives it, the only time that the two can be seen
-- @treturn string message
-- @treturn string code
function M.add(store, bot, seconds)
  store:define(M.statements)
  return store:change(function() return M.issue(store, bot, seconds) end)
end

--- Lends a pair to this process: it works beside the bot's own, with this twin alone, and nothing of it
-- is written down. Lua sees neither half.
-- @tparam table store
-- @tparam string bot
-- @tparam userdata secret the one half
-- @treturn userdata|nil the other, the token
-- @treturn string message
-- @treturn string code
function M.lend(store, bot, secret)
  local now = store.now() // 1000
  store.lent = store.lent or {}
  store.lent[bot] = secret:sha256()
  return core.jwt.secret(store.jwt_key, { subject = bot, serial = LENT, issued = now, expires = now + YEARS_100 })
end

--- Judges a token and a secret.
-- @tparam table store
-- @param request the request whose bearer token is meant, or the token itself
-- @tparam string secret
-- @tparam string|nil bot that the request names
-- @treturn string the bot, or nil
-- @treturn string|nil what is wrong: `token` (no token of ours), `bot` (there is none), `other` (the token
--   is another bot's), `replaced`, `secret`; or nothing
-- @treturn boolean whether the pair has expired
function M.judge(store, request, secret, bot)
  local claims = core.jwt.verify(store.jwt_key, request)
  if not claims then return nil, "token" end
  local serial, secret_hash = store:row("pair", bot or claims.subject)
  if claims.serial == LENT and store.lent and store.lent[claims.subject] then
    serial, secret_hash = LENT, store.lent[claims.subject]
  end
  if not serial then return nil, "bot" end
  if bot and bot ~= claims.subject then return nil, "other" end
  if serial ~= claims.serial then return nil, "replaced" end
  if not core.secret.equal(core.secret.sha256(secret), secret_hash) then return nil, "secret" end
  return claims.subject, nil, store.now() >= claims.expires * 1000
end

return M
