--- Operations at full speed with and without the ledger: `perform` on a list, and the same list as a run
-- whose intents and results go to disk. Counted is from the first byte to the last result on disk; not the
-- planning before it, nor the fold into the mirror after it.
--
--     lua5.4 bench/ledger.lua on|off BASE FLYING COUNT FOLDER -> operations a second, and a second of processor time
local apply = require("tagua.apply")
local core = require("tagua.core")
local ledger = require("tagua.ledger")
local tagua = require("tagua")

local way, base, flying, count, folder = arg[1], arg[2], math.tointeger(arg[3]), math.tointeger(arg[4]), arg[5]

local shop = assert(tagua.connect {
  platform = "botbonnie", name = "bench", bot = "bot-1", page = "test_audi", channel = "line",
  token = assert(core.secret.random()), url = base, rate = { per_second = 100000, burst = 100 }, in_flight = flying,
})

local function user(n)
  return ("U%032x"):format(n)
end

local began, ended, began_core, ended_core
if way == "off" then
  local n, done = 0, 0
  began, began_core = core.system.monotonic_ns(), os.clock()
  for result in shop:perform(function()
    n = n + 1
    return n <= count and { "tag", user = user(n), tag = "tag-1" } or nil
  end, { in_flight = flying }) do
    done = done + (result.ok and 1 or 0)
  end
  assert(done == count, "not all was done")
else
  local path = ("%s/ledger-%s.db"):format(folder, core.system.random_hex(4))
  local book = assert(assert(ledger.open(path)):connection({ name = "bench", platform = "botbonnie", bot = "bot-1" }))
  assert(assert(book:pull()):finish())
  local run = assert(book:plan({ kind = "apply" }))
  for i = 1, count do
    assert(run:add({ user = user(i), tag = "tag-1", action = "tag", rule = "VIP", line = 1, input_line = i + 1 }))
  end
  assert(run:ready())
  began, began_core = core.system.monotonic_ns(), os.clock()
  local function progress(at)
    if at:sums().left == 0 then
      ended, ended_core = core.system.monotonic_ns(), os.clock()
    end
  end
  local job = { connection = shop, book = book, quarantine = 1, progress = progress }
  local outcome = apply.run(job, run, { creations = {} })
  assert(outcome.sums.done == count, outcome.message or "not all was done")
end
print(("%.0f %.0f"):format(count / (((ended or core.system.monotonic_ns()) - began) / 1e9),
  count / ((ended_core or os.clock()) - began_core)))
shop:close()
