--- The engine at full speed: limiter, authentication, lanes, envelope, verdicts, results in Lua.
--
--     lua5.4 bench/calls.lua BASE PATH FLYING SECONDS -> requests a second, CPU us a request
local core = require("tagua.core")

local base, path, flying, seconds = arg[1], arg[2], math.tointeger(arg[3]), tonumber(arg[4])

local engine = assert(core.engine.new {
  name = "bench", base = base, bearer = assert(core.secret.random()),
  rate = { per_second = 1000000, burst = 100 }, in_flight = flying,
  envelope = { code = "errorCode", message = "errorMessage", status = "status" },
  codes = { [500] = "retry" },
})

local body = '{"bot_raw_uid":"U21ab30ccce78feb456048adeb80cf00a","bot_pid":"test_audi",'
  .. '"bot_channel":1,"bot_tag_id":"tag-1"}'

local n, done, wrong = 0, 0, 0
local began = core.system.monotonic_ns()
local until_ns = began + math.floor(seconds * 1e9)
local processor = os.clock()
while core.system.monotonic_ns() < until_ns do
  for _ = engine:pending() + 1, 2 * flying do
    n = n + 1
    engine:submit { method = "POST", path = path, body = body, class = "write", lane = "U" .. n, token = n }
  end
  for _, result in ipairs(assert(engine:poll(1))) do
    done = done + 1
    if not (result.ok and result.token and result.body) then wrong = wrong + 1 end
  end
end
local took = (core.system.monotonic_ns() - began) / 1e9
processor = os.clock() - processor
engine:close()
if wrong > 0 then
  io.stderr:write(wrong, " requests of ", done, " went wrong\n")
  os.exit(1)
end
print(("%.0f %.2f"):format(done / took, processor * 1e6 / math.max(done, 1)))
