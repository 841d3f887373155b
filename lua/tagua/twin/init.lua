--- The twin: a server that behaves as the platforms do, over a store of its own.
--
-- Whatever waits is answered together: one transaction for the whole batch, durable before the first
-- answer leaves. The platforms' modules say what an answer is; this one lets requests in (tokens, rate
-- limits, faults), runs them, and sends what came of it.
--
--    local t = assert(twin.open { store = "twin.db", address = "127.0.0.1:8642" })
--    t:add_token(secret, { bot = "bot-WDCLEHlTw" })
--    t:run(function() return system.interrupted() > 0 end)
--
-- @module tagua.twin
local core = require("tagua.core")
local faults = require("tagua.twin.faults")
local options = require("tagua.options")
local pairs_of_bots = require("tagua.twin.pairs")
local store = require("tagua.twin.store")

local M = {}

local Twin = {}
Twin.__index = Twin

-- The account that a token gets which names none; the local connection's.
local LOCAL_BOT = "bot-local"
local MOST_BATCH = 4096 -- requests in one transaction
local MOST_LIMITERS = 10000

local botbonnie = require("tagua.twin.botbonnie")
local mantago = require("tagua.twin.mantago")

local PLATFORMS = { botbonnie, mantago } -- the first one answers for paths that are nobody's

local DECLARATION = {
  store = { type = "string", required = true, min = 1 },
  address = { type = "string", default = "127.0.0.1:0" },
  faults = { type = { "string", "table" } },
  rate = { type = "table", fields = {
    per_second = { type = "number", required = true, min = 0.001, max = 1e6 },
    burst = { type = "integer", default = 1, min = 1, max = 1e6 },
  } },
  strict_users = { type = "boolean", default = false },
  now = { type = "function" },
  token = { type = "userdata" },
  durability = { type = "string", one_of = { "full", "normal" }, default = "full" },
  max_body = { type = "integer", default = 1024 * 1024, min = 0, max = 64 * 1024 * 1024 },
  max_connections = { type = "integer", default = 1024, min = 1, max = 65536 },
  timeout = { type = "number", default = 30, min = 0.01, max = 86400 },
}

-- The quirks of all platforms in one table, checked.
local function quirks_of(platforms, given)
  local known = {}
  for _, platform in ipairs(platforms) do
    for name, rule in pairs(platform.quirks) do
      known[name] = rule
    end
  end
  return options.verify("quirks", given, known)
end

--- Starts a twin. It answers while `step` or `run` is called.
-- @tparam table given
--   store: a file or `:memory:`;
--   address: `127.0.0.1:0` (the default: any free port) or `unix:PATH`;
--   faults: a file or a table, see `tagua.twin.faults`;
--   rate: `{ per_second=, burst=1 }` for each token; without it there is no limit;
--   strict_users: users that the store does not know are refused;
--   now: gives milliseconds since the epoch;
--   token: a secret that is let in;
--   durability: `full` (the default: on disk before the answer leaves) or `normal`, see the store;
--   max_body, max_connections, timeout: the server's caps
-- @treturn table|nil
-- @treturn string message
-- @treturn string code
function M.open(given)
  local o = options.check("twin.open", given, DECLARATION, 2)
  local trouble, message, code = faults.open(o.faults)
  if not trouble then return nil, message, code end
  local quirks, complaint = quirks_of(PLATFORMS, trouble.quirks)
  if not quirks then return nil, complaint, "ECONFIG" end
  local kept
  kept, message, code = store.open(o.store, o.now, o.durability)
  if not kept then return nil, message, code end
  local server
  server, message, code = core.server.listen({ address = o.address, max_body = o.max_body,
    max_connections = o.max_connections, timeout = o.timeout })
  if not server then
    kept:close()
    return nil, message, code
  end
  for _, platform in ipairs(PLATFORMS) do
    kept:define(platform.statements)
  end
  local self = setmetatable({
    store = kept,
    server = server,
    faults = trouble,
    quirks = quirks,
    rate = o.rate,
    strict_users = o.strict_users,
    limiters = {},
    limiter_count = 0,
    clock_ns = o.now and function() return o.now() * 1000000 end or core.system.monotonic_ns,
    counts = { requests = 0, batches = 0, refused = 0, throttled = 0, failed = 0 },
    effects_done = {},
  }, Twin)
  self.began_ns = self.clock_ns()
  if o.token then
    local ok
    ok, message, code = self:add_token(o.token)
    if not ok then
      self:close()
      return nil, message, code
    end
  end
  return self
end

-- ---- letting in -----------------------------------------------------------------------------

local function platform_of(path)
  for _, platform in ipairs(PLATFORMS) do
    if path:sub(1, #platform.prefix) == platform.prefix and path:sub(#platform.prefix + 1, #platform.prefix + 1) == "/"
    then
      return platform, path:sub(#platform.prefix + 1)
    end
  end
  return PLATFORMS[1], path
end

-- Each token has its own limiter, for as long as the twin runs.
local function limiter_of(self, key)
  local limiter = self.limiters[key]
  if not limiter then
    if self.limiter_count == MOST_LIMITERS then
      self.limiters, self.limiter_count = {}, 0
    end
    limiter = core.limiter.new({ per_second = self.rate.per_second, burst = self.rate.burst })
    self.limiters[key] = limiter
    self.limiter_count = self.limiter_count + 1
  end
  return limiter
end

-- What the limit says to a request -> a refusal, or nothing.
local function limit(self, platform, key)
  local wait_ns = limiter_of(self, key):reserve(self.clock_ns())
  if wait_ns == 0 then return nil end
  self.counts.throttled = self.counts.throttled + 1
  local reply = platform.refusal(self.quirks, 429, "too many requests")
  local seconds = (wait_ns + 999999999) // 1000000000
  reply.headers = faults.with(reply.headers, "Retry-After", tostring(seconds))
  return reply
end

-- The honest way of a request: let in, limited, routed, carried out -> its reply.
local function process(self, call)
  local platform = call.platform
  if call.body == nil then return platform.refusal(self.quirks, 413, "the body is too large") end
  if not call.bot then -- or it was let in before, in a batch that failed
    local bot, key = platform.authorize(call)
    local refusal = self.rate and limit(self, platform, key)
    if refusal then return refusal end
    call.bot = bot
  end
  local handler, argument, message = platform.route(call.method, call.path)
  if not handler then return platform.refusal(self.quirks, argument, message) end
  return handler(call, argument)
end

-- Carries one call out -> its reply. Raises what the database says.
local function carry_out(self, call)
  local ok, reply = pcall(process, self, call)
  if ok then return reply end
  if type(reply) ~= "table" or not reply.refused then error(reply, 0) end
  self.counts.refused = self.counts.refused + 1
  return call.platform.refusal(self.quirks, reply.refused, reply.message)
end

-- ---- batches --------------------------------------------------------------------------------

local function new_call(self, request)
  local method, full_path = request.method, request.path
  local fault = #self.faults.list > 0
    and self.faults:pick(method, full_path, (self.clock_ns() - self.began_ns) / 1e9) or nil
  local platform, path = platform_of(full_path)
  local call
  call = {
    request = request,
    platform = platform,
    method = method,
    path = path,
    body = request.body,
    fault = fault,
    store = self.store,
    quirks = self.quirks,
    strict_users = self.strict_users,
    effect = function(name) call.done = name end,
  }
  return call
end

-- Runs calls in one transaction -> true, or false when nothing of it has happened.
local function transact(self, calls, first, last)
  local ok, failure = pcall(function()
    self.store:begin()
    for i = first, last do
      local call = calls[i]
      if not (call.fault and call.fault.before_work) then call.reply = carry_out(self, call) end
    end
    self.store:commit()
  end)
  if ok then return true end
  self.store:rollback()
  for i = first, last do
    calls[i].reply, calls[i].done = nil, nil
  end
  self.last_failure = type(failure) == "table" and failure.message or tostring(failure)
  return false
end

local function send(self, call)
  local function refuse(code, message) return call.platform.refusal(self.quirks, code, message) end
  local reply = call.reply
  if not reply and not call.fault then reply = refuse(500, "the server failed") end
  if call.fault then
    if call.fault.before_work or reply then reply = faults.bend(call.fault, reply, refuse) end
    reply = reply or refuse(500, "the server failed")
  end
  if call.done then self.effects_done[call.done] = (self.effects_done[call.done] or 0) + 1 end
  call.request:reply(reply)
end

local function answer(self, requests)
  local calls = {}
  for i = 1, #requests do
    calls[i] = new_call(self, requests[i])
  end
  for first = 1, #calls, MOST_BATCH do
    local last = math.min(first + MOST_BATCH - 1, #calls)
    self.counts.batches = self.counts.batches + 1
    if not transact(self, calls, first, last) then
      -- One of them spoiled it for all: each alone, so that only that one fails.
      for i = first, last do
        if first == last or not transact(self, calls, i, i) then self.counts.failed = self.counts.failed + 1 end
      end
    end
    for i = first, last do
      send(self, calls[i])
    end
  end
  self.counts.requests = self.counts.requests + #calls
  return #calls
end

-- Where several clients are busy, more came while these were read: one commit serves them, too.
local function gathered(self, requests)
  local more = #requests > 1 and self.server:step() or {}
  while #more > 0 and #requests < MOST_BATCH do
    table.move(more, 1, #more, #requests + 1, requests)
    more = self.server:step()
  end
  table.move(more, 1, #more, #requests + 1, requests)
  return requests
end

--- Answers everything that is waiting, and returns at once.
-- @treturn integer how many requests were answered
function Twin:step()
  local count = answer(self, gathered(self, self.server:step()))
  if count > 0 then count = count + answer(self, self.server:step()) end -- the answers leave here
  return count
end

--- Answers until a function says that it is time to stop. It is asked at least four times a second,
-- and whenever a signal comes.
-- @tparam function stop
-- @treturn boolean true
function Twin:run(stop)
  while not stop() do
    answer(self, gathered(self, self.server:wait(0.25)))
  end
  return true
end

--- Where the twin listens: `127.0.0.1:45678` or `unix:PATH`.
function Twin:address() return self.server:address() end

--- A descriptor that is readable when `step` has something to do.
function Twin:fd() return self.server:fd() end

--- Ends the twin: what was answered still leaves, the store is closed. Twice is fine.
function Twin:close()
  self.server:close()
  self.store:close()
end

-- ---- administration -------------------------------------------------------------------------

--- Lets a secret in as a bearer token; only its hash is kept.
-- @tparam userdata secret
-- @tparam[opt] table given bot (`bot-local` unless told), expires (milliseconds since the epoch)
-- @treturn boolean|nil
-- @treturn string message
-- @treturn string code
function Twin:add_token(secret, given)
  local o = options.check("add_token", given, {
    bot = { type = "string", default = LOCAL_BOT, min = 1, max = 1000 },
    expires = { type = "integer" },
  }, 2)
  return self.store:add_token(secret:sha256(), o)
end

--- The tokens that are let in, see `tagua.twin.store`.
function Twin:tokens() return self.store:tokens() end

--- Shuts out the token with this id.
function Twin:remove_token(id) return self.store:remove_token(id) end

--- Gives a MantaGo bot a new pair of API token and secret; the old one is dead.
-- @tparam string bot
-- @tparam[opt] table given seconds: how long the pair is good for; 30 days unless told
-- @treturn table|nil `{ token=, secret=, expires= }`, the only time that they can be seen
-- @treturn string message
-- @treturn string code
function Twin:issue_pair(bot, given)
  local o = options.check("issue_pair", given, { seconds = { type = "integer" } }, 2)
  return pairs_of_bots.add(self.store, bot, o.seconds)
end

--- Lends this process a pair for a MantaGo bot, beside the bot's own; see `tagua.twin.pairs`.
-- @tparam string bot
-- @tparam userdata secret the one half
-- @treturn userdata|nil the other, the token
-- @treturn string message
-- @treturn string code
function Twin:lend_pair(bot, secret) return pairs_of_bots.lend(self.store, bot, secret) end

local CHANNELS = { facebook = 0, fb = 0, line = 1, instagram = 2, livechat = 3, whatsapp = 4 }

local USER = {
  id = { type = "string", required = true, min = 1, max = 250 },
  bot = { type = "string", default = LOCAL_BOT },
  page = { type = "string", default = "local" },
  platform = { type = { "integer", "string" }, default = 1 },
  name = { type = "string" },
  status = { type = "integer", default = 1, min = 1, max = 5 },
  created = { type = "integer" },
  last_active = { type = "integer" },
  picture = { type = "string" },
  email = { type = "string" },
  gender = { type = "string" },
  birthday = { type = "string" },
  phone = { type = "string" },
  ext_id = { type = "string" },
  uid = { type = "string", min = 1, max = 1000 },
  params = { type = "table" },
}

--- Adds users, or describes those that exist, in one transaction.
-- @tparam {table,...} list of `{ id=, bot=, page=, platform="LINE"|"FB"|number, name=, status=, created=,
-- last_active=, picture=, email=, gender=, birthday=, phone=, ext_id=, uid=, params={ name = value } }`
-- @treturn integer|nil how many
-- @treturn string message
-- @treturn string code
function Twin:add_users(list)
  local checked = {}
  for i, given in ipairs(list) do
    local user = options.check(("add_users: user %d"):format(i), given, USER, 2)
    local channel = math.tointeger(user.platform) or CHANNELS[user.platform:lower()]
    if not channel then error(("add_users: user %d: unknown platform '%s'"):format(i, user.platform), 2) end
    user.channel = channel
    local params = {}
    for name, value in pairs(user.params or {}) do
      params[name] = require("cjson").encode(value)
    end
    user.params = params
    checked[i] = user
  end
  return self.store:change(function()
    for _, user in ipairs(checked) do
      self.store:describe_user(user)
    end
    return #checked
  end)
end

--- Who has which tag, and how often it was put on, see `tagua.twin.store`.
function Twin:effects() return self.store:effects() end

--- What the twin did since it began: requests, batches (transactions), refused, throttled, failed,
-- faults; `effects` = how many of each kind of work took effect (tag, untag, create, delete,
-- set_params, delete_params), repeated ones counted again.
function Twin:stats()
  local stats = { faults = self.faults.fired, last_failure = self.last_failure, effects = {} }
  for name, count in pairs(self.counts) do
    stats[name] = count
  end
  for name, count in pairs(self.effects_done) do
    stats.effects[name] = count
  end
  return stats
end

return M
