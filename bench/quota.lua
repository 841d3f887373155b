-- Uses a quota that the twin keeps, in a process of its own: taggings with a limiter that knows the quota, or
-- with one that has to find it while it changes twice.
--   lua5.4 bench/quota.lua ADDRESS TOKEN RATE|unknown SECONDS -> answers taken, answers of 429
local core = require("tagua.core")

local base, token, rate, seconds = arg[1], arg[2], arg[3], tonumber(arg[4])
-- Half of what the twin takes at once: without any, whatever this process is woken late is lost.
local limit = tonumber(rate) and { per_second = tonumber(rate), burst = math.max(1, tonumber(rate) // 20) }
  or { per_second = 50, burst = 4, adaptive = true, at_most = 2000 }

local engine = assert(core.engine.new {
  name = "bench", base = base, bearer = assert(core.secret.file(token)), rate = limit, in_flight = 16,
  envelope = { code = "errorCode", message = "errorMessage", status = "status" }, codes = {},
})
engine:submit { method = "POST", path = "/v1/api/tag/autogen", class = "write", token = "tag",
  body = '{"botId":"bot-local","name":"VIP","type":0}' }
local made
repeat made = assert(engine:poll(1))[1] until made
local tag = assert(made.ok and made.body:match("tag%-[%w_-]+"), made.message)

local user, done = 0, 0
local began = core.system.monotonic_ns()
local ends = began + math.floor(seconds * 1e9)
while core.system.monotonic_ns() < ends do
  for _ = engine:pending() + 1, 64 do
    user = user + 1
    engine:submit { method = "POST", path = "/v1/api/user/tag", class = "write", lane = "U" .. user, token = user,
      body = ('{"bot_raw_uid":"U%d","bot_pid":"p","bot_channel":1,"bot_tag_id":"%s"}'):format(user, tag) }
  end
  local left = (ends - core.system.monotonic_ns()) / 1e9
  for _, result in ipairs(assert(engine:poll(math.max(0, math.min(left, 0.2))))) do
    if result.ok then
      done = done + 1
    elseif result.code ~= "ERATE" then
      error(result.message)
    end
  end
end
local stats = engine:stats()
engine:close()
print(done, stats.throttled)
