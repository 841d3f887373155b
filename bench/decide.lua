-- Decides users with a rule file, and nothing more: no ledger, no mirror.
--   lua5.4 bench/decide.lua RULES USERS FORMAT JOBS [SECONDS] -> seconds, users read, tags wanted (with COUNT=1),
-- and the processor time of this process alone, which all workers share
local input = require("tagua.input")
local pool = require("tagua.rules.pool")
local core = require("tagua.core")

collectgarbage("incremental", 400) -- as in the command, see host/main.c; lua5.4 itself collects by generations

local rules, users, format, jobs = arg[1], arg[2], arg[3], math.tointeger(arg[4])
local workers = pool.start {
  jobs = jobs, seconds = tonumber(arg[5]), executable = os.getenv("TAGUA_EXECUTABLE"),
}
assert(workers:load { path = rules })
local source = assert(input.open { path = users, format = format, hash = false })
assert(workers:input {
  format = source.format, header = source:header(), delimiter = source.delimiter, at = 1795000000,
})

local count = os.getenv("COUNT") -- of the decisions, to compare with a peer's; not part of what is measured
local began = core.system.monotonic_ns()
local read, wanted = 0, 0
for block in workers:decide(function() return source:next() end) do
  read = read + block.n
  for i = 1, count and block.n or 0 do
    local _, n = block.wants[i]:gsub("+", "")
    wanted = wanted + n
  end
end
print(("%.4f %d %d %.4f"):format((core.system.monotonic_ns() - began) / 1e9, read, wanted, os.clock()))
