--- One part of `tagua serve`, as a process of its own: hears its owner, tells it what it counts, ends when it is
-- told to or when the owner is gone. What the part does is its module's to say.
--
-- A part's module gives `open(context, options, rules, log)` -> a part, or nil, message, code; and a part has
--
--    part:work(seconds, descriptors)   -- does what there is, and waits so long at most for more
--    part:use(rules)                   -- goes by other rules -> true, or nil, message
--    part:tell()                       -- { counters = {...}, ... }: what its owner is told each second
--    part:drain(seconds)               -- finishes what is under way, in so many seconds at most
--    part:close()
--
-- and `at`, where it listens. `rules` is what the owner sent: `hash`, `hooks`, `replies`.
-- @module tagua.serve.part
local core = require("tagua.core")
local errors = require("tagua.errors")
local json = require("tagua.json")
local logs = require("tagua.serve.log")

local M = {}

local SECOND = 1000000000
local ROUND = 0.25 -- seconds that a part may wait before it looks at its owner's line again
local FIRST_LINE = 30 -- seconds that the owner has for its first line
local DRAIN = 25 -- seconds

--- The parts that there are, and their modules.
M.kinds = { intake = "tagua.serve.part_intake", keeper = "tagua.serve.part_keeper" }

local function say(owner, what) owner:write(assert(json.encode(what))) end

-- What the owner said since the last look: `rules` (the newest), `stop`.
local function listen(owner, heard)
  local lines, open = owner:lines()
  for _, line in ipairs(lines) do
    local said = json.decode(line)
    if type(said) == "table" and said["do"] == "rules" then heard.rules = said end
    if type(said) == "table" and said["do"] == "stop" then heard.stop = true end
  end
  local _, signal = core.system.interrupted()
  if not open or signal == "term" then heard.stop = true end -- an interrupt from the keyboard is the owner's to heed
  return heard
end

-- Works until it is told to stop.
local function work(owner, part, log)
  local told_ns, descriptors = 0, { owner:fd() }
  while true do
    local heard = listen(owner, {})
    if heard.rules then
      local ok, message = part:use(heard.rules)
      if ok then
        say(owner, { is = "using", hash = heard.rules.hash })
      else
        log:error("rules", "the rules could not be taken over, and those of before go on: " .. message)
        say(owner, { is = "refused", hash = heard.rules.hash, message = message })
      end
    end
    if heard.stop then break end
    local now_ns = core.system.monotonic_ns()
    if now_ns - told_ns >= SECOND then
      told_ns = now_ns
      local told = part:tell()
      told.is = "stats"
      say(owner, told)
    end
    owner:flush()
    part:work(ROUND, descriptors)
  end
  part:drain(DRAIN)
  local told = part:tell()
  told.is = "stats"
  say(owner, told)
  owner:flush()
end

--- Runs a part.
-- @tparam context context
-- @tparam table options of the command; `part` says which
-- @treturn integer the exit code
function M.run(context, options)
  local owner = context:keep(context:check(core.process.owner()))
  local log = logs.open({ part = options.part, connection = options.part == "keeper" and options.to[1] or nil })
  local heard, patience = {}, core.system.monotonic_ns() + FIRST_LINE * SECOND
  while not heard.rules and not heard.stop and core.system.monotonic_ns() < patience do
    owner:wait(ROUND)
    listen(owner, heard)
  end
  if not heard.rules then return errors.EXIT_DONE end
  local ok, problem = xpcall(function()
    local part = context:keep(context:check(require(M.kinds[options.part]).open(context, options, heard.rules, log)))
    say(owner, { is = "ready", at = part.at })
    if not heard.stop then work(owner, part, log) end
  end, context.keep_trace)
  if ok then return errors.EXIT_DONE end
  local expected = context.is_failure(problem)
  local message = expected and problem.message or "this is a bug in tagua, please report it:\n" .. tostring(problem)
  if not expected then log:error("bug", message) end
  say(owner, { is = "failed", message = context.redact(message), code = expected and problem.code or nil })
  owner:flush()
  return expected and errors.exit(problem.code) or 70
end

return M
