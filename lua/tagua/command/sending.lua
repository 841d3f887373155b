--- Carries a run out and tells what became of it: what apply, tag and untag have in common.
-- What is sent goes through the connection's one sender, after an earlier run that was cut off has
-- been settled.
local core = require("tagua.core")
local errors = require("tagua.errors")
local gate = require("tagua.gate")
local progress = require("tagua.command.progress")
local terminal = require("tagua.terminal")

local M = {}

local PROBLEMS = 100 -- failed operations that a report may name
local LOOK_NS = 50 * 1000000 -- how often the sums are looked at for the progress line

-- Why a connection does not send now, and the code; nothing when it does.
local function closed(context, name)
  local asked = context:once("gate of " .. name, function()
    local question, message, code = gate.new(name, context:settings(name), function() return context:now() end)
    if message then
      context:fail(message, code)
    end
    return question or false
  end)
  if asked then
    return asked()
  end
end

--- Ends the command where the connection does not send at this hour.
-- @tparam context context
-- @tparam string name the connection
function M.ensure_open(context, name)
  local message, code = closed(context, name)
  if message then
    context:fail(message, code)
  end
end

-- What tagua.apply needs to know beside the run.
local function job_for(context, name)
  return {
    connection = context:connection(name),
    book = context:book(name),
    quarantine = context:settings(name).quarantine,
    interrupted = function() return context:interrupted() end,
    closed = context:settings(name).hours and function() return closed(context, name) end,
  }
end

-- Settles the runs that were cut off -> true, or nil, message, code.
local function settle_all(context, name)
  return require("tagua.queue").recover(job_for(context, name), function(old, lost)
    context:note(("run %d was cut off: asking %s what became of %s"):format(
      old.number, name, terminal.count(lost, "operation")))
  end)
end

--- Settles what runs that were cut off left behind, and closes them: what they had not sent yet is
-- for the next plan to find again. Where another process is the sender, it has done so.
-- @tparam context context
-- @tparam string name the connection
function M.recover(context, name)
  local sender = require("tagua.command.sender")
  if sender.is(context, name) then
    context:check(settle_all(context, name))
    sender.leave(context, name)
  end
end

--- Makes sure that a run which sent nothing leaves nothing in the ledger.
-- @tparam context context
-- @param run
function M.discard_unsent(context, run)
  context:keep({ close = function()
    if run.state == "planning" or run.state == "ready" then
      run:discard()
    end
  end })
end

-- The operations of a run that did not work, as far as a report names them.
local function problems_of(context, run)
  local found = {}
  for _, outcome in ipairs({ "failed", "ambiguous" }) do
    for operation in context:ledger():operations(run.number, outcome) do
      if #found == PROBLEMS then
        return found
      end
      found[#found + 1] = operation
    end
  end
  return found
end

--- Sends a run's operations.
-- @tparam context context
-- @tparam string name the connection
-- @param run its operations written
-- @tparam table plan from tagua.plan, or { creations = {...}, calls = n }
-- @treturn table the outcome, as tagua.report takes it
function M.send(context, name, run, plan)
  context:check(run:keep_prices(context:settings(name).message_cost))
  local job, line = job_for(context, name), progress.line(context)
  local next_ns = 0
  job.progress = function(at)
    local now_ns = core.system.monotonic_ns()
    if now_ns < next_ns then
      return
    end
    next_ns = now_ns + LOOK_NS
    local sums, wire = at:sums(), job.connection:stats()
    line:update({
      done = sums.planned - sums.left,
      total = sums.planned,
      noun = "operations",
      retries = wire.retries,
      throttled = wire.throttled,
    })
  end
  job.watching = function(sums)
    line:update({ done = sums.planned - sums.left, total = sums.planned, noun = "operations" })
  end
  job.waiting = function(holder)
    context:note(("%s is sending to '%s', and sends this run, too"):format(holder, name))
  end
  job.lock = function() return require("tagua.command.sender").try(context, name) end
  job.recover = function() return settle_all(context, name) end
  local outcome = require("tagua.queue").carry_out(job, run, plan.creations)
  line:finish()
  outcome.run = run.number
  outcome.seconds, outcome.wire = line:seconds(), job.connection:stats()
  outcome.problems = outcome.sums.failed > 0 and problems_of(context, run) or {}
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
  if sums.failed > 0 then
    return errors.EXIT_FAILED
  end
  return sums.left > 0 and errors.EXIT_AGAIN or errors.EXIT_DONE
end

return M
