--- Calls at full speed, through the engine alone or through `perform`: limiter, authentication, lanes,
-- envelope, verdicts, results in Lua.
--
--     lua5.4 bench/calls.lua engine|perform BASE PATH FLYING SECONDS [TOKEN_FILE TAG]
--       -> requests a second, CPU us a request
--
-- A server that looks at neither needs no token and no tag.
local core = require("tagua.core")

local way, base, path, flying, seconds = arg[1], arg[2], arg[3], math.tointeger(arg[4]), tonumber(arg[5])
local token_file, tag = arg[6], arg[7] or "tag-1"

local done, wrong = 0, 0
local began = core.system.monotonic_ns()
local until_ns = began + math.floor(seconds * 1e9)
local processor = os.clock()

local function take(ok)
  done = done + 1
  if not ok then wrong = wrong + 1 end
end

local function by_engine()
  local engine = assert(core.engine.new {
    name = "bench", base = base, bearer = assert(core.secret.random()),
    rate = { per_second = 1000000, burst = 100 }, in_flight = flying,
    envelope = { code = "errorCode", message = "errorMessage", status = "status" },
    codes = { [500] = "retry" },
  })
  local body = '{"bot_raw_uid":"U21ab30ccce78feb456048adeb80cf00a","bot_pid":"test_audi",'
    .. '"bot_channel":1,"bot_tag_id":"tag-1"}'
  local n = 0
  while core.system.monotonic_ns() < until_ns do
    for _ = engine:pending() + 1, 2 * flying do
      n = n + 1
      engine:submit { method = "POST", path = path, body = body, class = "write", lane = "U" .. n, token = n }
    end
    for _, result in ipairs(assert(engine:poll(1))) do take(result.ok and result.token and result.body) end
  end
  engine:close()
end

local function by_perform()
  local tagua = require("tagua")
  local shop = assert(tagua.connect {
    platform = "botbonnie", name = "bench", bot = "bot-1", page = "test_audi", channel = "line",
    token = token_file and tagua.file(token_file) or assert(core.secret.random()),
    url = base, rate = { per_second = 100000, burst = 100 }, in_flight = flying,
  })
  local n = 0
  local function operations()
    if core.system.monotonic_ns() >= until_ns then return nil end
    n = n + 1
    return { "tag", user = ("U%032x"):format(n), tag = tag }
  end
  for result in shop:perform(operations, { in_flight = flying }) do take(result.ok) end
  shop:close()
end

if way == "engine" then by_engine() else by_perform() end
local took = (core.system.monotonic_ns() - began) / 1e9
processor = os.clock() - processor
if wrong > 0 then
  io.stderr:write(wrong, " requests of ", done, " went wrong\n")
  os.exit(1)
end
print(("%.0f %.2f"):format(done / took, processor * 1e6 / math.max(done, 1)))
