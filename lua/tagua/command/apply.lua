--- tagua apply: makes a plan and carries it out.
local errors = require("tagua.errors")
local guarding = require("tagua.command.guarding")
local planning = require("tagua.command.planning")
local several = require("tagua.command.several")
local terminal = require("tagua.terminal")

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
  elseif plan.operations > 0 then
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

-- Before anything is planned: what is past its time comes off, and no guard looks at it.
-- Gives the exit code of it, where that is not 0; ends the command where it was stopped.
local function take_off_due(context, options)
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
local function begin(context, options)
  local sending = require("tagua.command.sending")
  sending.ensure_open(context, options.to)
  require("tagua.command.sender").become(context, options.to)
  context:connection(options.to) -- a credential that is not there is told before anything else
  local job = planning.prepare(context, options, function()
    sending.recover(context, options.to)
  end)
  local expired = take_off_due(context, options)
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
  context:check(job.book:keep_rules(job.pool.file))
  local plan = planning.make(context, options, job)
  local outcome = { state = "done", sums = context:check(run:ready()), created = 0 }
  if not options.json then
    show_plan(context, plan)
  end
  guarding.ask(context, options, plan)
  return {
    options = options, job = job, run = run, plan = plan, outcome = outcome, expired = expired,
    going_to = plan.operations > 0 and intention(context, options, plan),
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

return {
  name = "apply",
  summary = "put the tags on and take them off",
  description = "Makes a plan as tagua plan does, asks, and carries it out: every operation is on disk"
    .. " before it is sent, so that a run that was cut off goes on where it was. RULES may be a plan"
    .. " that tagua plan --out wrote: it is carried out exactly, or refused when something has changed.",
  examples = {
    "tagua apply rules.lua --users users.csv --to shop",
    "tagua apply rules.lua --users users.csv --to shop-bb --to shop-mg",
    "tagua apply rules.lua --users - --format jsonl --to shop --yes < users.jsonl",
    "tagua apply approved.plan",
  },
  catches_signals = true,
  define = function(parser)
    planning.define(parser)
    parser:flag("-y --yes", "Go on without being asked.")
    guarding.define(parser)
  end,

  run = function(context, options)
    local names = several.targets(context, options)
    if require("tagua.planfile").is(options.rules) then
      if #names > 1 then context:fail("a plan in a file is for one connection, and --to names several", "EUSAGE") end
      return require("tagua.command.approved").apply(context, options, take_off_due)
    end
    local begun = several.each(context, options, names, function(own) return begin(context, own) end)
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
  end,
}
