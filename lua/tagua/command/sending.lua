--- Carries a run out and tells what became of it: what apply, tag and untag have in common.
-- Sends only as the connection's one sender, and only after an earlier run that was cut off has
-- been settled.
local errors = require("tagua.errors")
local progress = require("tagua.command.progress")

local M = {}

local PROBLEMS = 100 -- failed operations that a report may name

-- What tagua.apply needs to know beside the run.
local function job_for(context, name)
  return {
    connection = context:connection(name),
    book = context:book(name),
    quarantine = context:settings(name).quarantine,
    interrupted = function() return context:interrupted() end,
  }
end

--- Settles what a run that was cut off left behind, and closes that run: what it had not sent yet is
-- for the next plan to find again.
-- @tparam context context
-- @tparam string name the connection
function M.recover(context, name)
  local old = context:book(name):open_run()
  if not old then
    return
  end
  context:note("an earlier run on " .. name .. " was cut off: settling what it had under way")
  context:check(require("tagua.apply").recover(job_for(context, name), old))
  context:check(old:finish("stopped"))
end

--- Sends a run's operations.
-- @tparam context context
-- @tparam string name the connection
-- @param run its operations written
-- @tparam table plan from tagua.plan, or { creations = {...}, calls = n }
-- @treturn table the outcome, as tagua.report takes it
function M.send(context, name, run, plan)
  local job, line = job_for(context, name), progress.line(context)
  job.progress = function(at)
    local sums, wire = at:sums(), job.connection:stats()
    line:update({
      done = sums.planned - sums.left,
      total = sums.planned,
      noun = "operations",
      retries = wire.retries,
      throttled = wire.throttled,
    })
  end
  local outcome = require("tagua.apply").run(job, run, plan)
  line:finish()
  outcome.seconds, outcome.wire = line:seconds(), job.connection:stats()
  outcome.problems = run:problems(PROBLEMS)
  return outcome
end

--- What the process answers for an outcome; a run that stopped also says why, on standard error.
-- @tparam context context
-- @tparam table outcome
-- @treturn integer the exit code
function M.answer(context, outcome)
  local sums = outcome.sums
  if outcome.state == "interrupted" then
    return errors.EXIT_INTERRUPTED
  elseif outcome.message then
    context:fail(outcome.message, outcome.code)
  end
  local open = sums.failed + (sums.ambiguous or 0)
  return open > 0 and errors.EXIT_FAILED or sums.left > 0 and errors.EXIT_AGAIN or errors.EXIT_DONE
end

return M
