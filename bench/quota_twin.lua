-- A twin with a quota for its token, until it is ended. Takes as many at once as a tenth of a second brings,
-- since what comes over a network comes unevenly. With more rates than one, the next comes into force each
-- time that so many seconds have passed since the first request.
--   lua5.4 bench/quota_twin.lua SOCKET TOKEN SECONDS RATE...
local core = require("tagua.core")
local twin = require("tagua.twin")

local socket, token, seconds = arg[1], arg[2], tonumber(arg[3])
local rates = {}
for i = 4, #arg do rates[#rates + 1] = tonumber(arg[i]) end

local function quota(rate) return { per_second = rate, burst = math.max(2, rate // 10) } end

local t = assert(twin.open { store = ":memory:", address = "unix:" .. socket, rate = quota(rates[1]) })
assert(t:add_token(assert(core.secret.file(token))))
core.system.catch_signals()
local began, current
t:run(function()
  if not began and t:stats().requests > 0 then began, current = core.system.monotonic_ns(), 1 end
  if began and current < #rates and core.system.monotonic_ns() - began > current * seconds * 1e9 then
    current = current + 1
    t.rate, t.limiters, t.limiter_count = quota(rates[current]), {}, 0
  end
  return core.system.interrupted() > 0
end)
t:close()
