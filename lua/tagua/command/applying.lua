--- Carries plans out as apply does: made and shown for each connection, asked about once, sent in turn.
-- Owns that order; where the decisions come from is the caller's.
local errors = require("tagua.errors")
local guarding = require("tagua.command.guarding")
local planning = require("tagua.command.planning")
local several = require("tagua.command.several")
local terminal = require("tagua.terminal")

local M = {}

local function show_plan(context, plan)
  for _, line in ipairs(require("tagua.report").plan(plan, context.paint)) do
    context:print(line)
  end
end

local function show_outcome(context, options, plan, outcome)
  if options.json then
    local told = require("tagua.command.told")
    local whole = told.plan(plan, options.to)
    whole.outcome = told.outcome(outcome)
    context:json(whole)
  elseif outcome.wire then
    for _, line in ipairs(require("tagua.report").outcome(outcome, context.paint)) do
      context:print(line)
    end
  end
end

-- What is about to be done to whom, for the question and for the line that takes its place.
local function intention(context, options, plan)
  local created = { folder = 0, tag = 0 }
  for _, creation in ipairs(plan.creations) do
    created[creation.kind] = created[creation.kind] + 1
  end
  local parts = {
    ("%s: %s on"):format(context:account(options.to), terminal.count(plan.on, "tag")),
    terminal.number(plan.off) .. " off",
  }
  for _, kind in ipairs({ "folder", "tag" }) do
    if created[kind] > 0 then
      parts[#parts + 1] = terminal.count(created[kind], "new " .. kind)
    end
  end
  return table.concat(parts, ", ")
end

--- Before anything is planned: what is past its time comes off, and no guard looks at it.
-- @tparam context context
-- @tparam table options `to`
-- @treturn ?integer the exit code of it, where that is not 0; ends the command where it was stopped
function M.take_off_due(context, options)
  local outcome = require("tagua.command.expiring").run(context, options.to)
  if not outcome then
    return nil
  end
  context:note(("took off what was past its time: %s of %s"):format(terminal.number(outcome.sums.done),
    terminal.count(outcome.sums.planned, "tag")))
  if outcome.state == "interrupted" then
    context:fail("interrupted while taking off what was past its time", "EINTERRUPTED")
  end
  local code = require("tagua.command.sending").answer(context, outcome)
  return code ~= errors.EXIT_DONE and code or nil
end

-- Makes the plan for one connection and shows it: nothing is sent yet.
local function begin(context, options, prepare)
  local sending = require("tagua.command.sending")
  sending.ensure_open(context, options.to)
  require("tagua.command.sender").become(context, options.to)
  context:connection(options.to) -- a credential that is not there is told before anything else
  local job = prepare(context, options, function()
    sending.recover(context, options.to)
  end)
  local expired = M.take_off_due(context, options)
  local run = context:check(job.book:plan({
    kind = "apply",
    rules = options.rules,
    rules_hash = job.ruleset.hash,
    input = job.input.name,
    at = job.at,
    tests = job.tests,
  }))
  job.run = run
  sending.discard_unsent(context, run)
  if job.pool.file then -- decisions that come from rules
    context:check(job.book:keep_rules(job.pool.file))
  end
  local plan = planning.make(context, options, job)
  local outcome = { state = "done", sums = context:check(run:ready()), created = 0 }
  if not options.json then
    show_plan(context, plan)
  end
  guarding.ask(context, options, plan)
  return {
    options = options, job = job, run = run, plan = plan, outcome = outcome, expired = expired,
    going_to = (plan.operations > 0 or #plan.creations > 0) and intention(context, options, plan),
  }
end

-- Carries it out -> the exit code.
local function finish(context, begun)
  local sending = require("tagua.command.sending")
  local options, job, run, plan = begun.options, begun.job, begun.run, begun.plan
  local outcome, expired, going_to = begun.outcome, begun.expired, begun.going_to
  context:check(run:keep_times())
  context:check(job.book:note_reading(options.rules, plan.records.read))
  if going_to then
    if options.yes then
      context:flush() -- the plan comes first where both go to one log
      context:note("changing " .. going_to)
    end
    outcome = sending.send(context, options.to, run, plan)
  else
    context:check(run:accept())
  end
  show_outcome(context, options, plan, outcome)
  local code = sending.answer(context, outcome)
  return code == errors.EXIT_DONE and expired or code
end

--- Plans and applies.
-- @tparam context context
-- @tparam table options as `planning.define` and `guarding.define` have them, and `yes`
-- @tparam {string,...} names the connections
-- @tparam function prepare (context, options, settle) -> the job, as `planning.prepare`
-- @treturn integer the exit code
function M.run(context, options, names, prepare)
  local begun = several.each(context, options, names, function(own) return begin(context, own, prepare) end)
  local going_to = {}
  for _, one in ipairs(begun) do
    if one.going_to then going_to[#going_to + 1] = one.going_to end
  end
  if #going_to > 0 then
    context:confirm(("change %s?"):format(table.concat(going_to, "; and ")))
  end
  local codes = several.each(context, options, names, function(_, i) return finish(context, begun[i]) end)
  for _, code in ipairs(codes) do
    if code ~= errors.EXIT_DONE then return code end
  end
  return errors.EXIT_DONE
end

return M
