--- What undo and retry have in common: a plan that comes from a run of before, shown, agreed to and
-- carried out like any other.
local guarding = require("tagua.command.guarding")
local terminal = require("tagua.terminal")
local values = require("tagua.command.values")

local M = {}

--- Defines the arguments.
-- @param parser
function M.define(parser)
  parser:argument("run", "The run's number, see tagua runs."):argname("RUN")
    :convert(values.whole("RUN", 1, 1 << 52))
  parser:flag("--refresh", "Pull the platform into the mirror first.")
  parser:flag("-y --yes", "Go on without being asked.")
  guarding.define(parser)
end

-- What the operations of the run come to, as reports take it.
local function plan_of(context, name, run, kind)
  local plan = { tags = context:check(run:summary()), creations = {}, on = 0, off = 0, takes_back = kind == "undo" }
  for _, tag in ipairs(plan.tags) do
    plan.on, plan.off = plan.on + tag.on, plan.off + tag.off
    if not tag.id then
      plan.creations[#plan.creations + 1] = { kind = "tag", name = tag.name }
    end
  end
  plan.operations = plan.on + plan.off
  plan.calls = plan.operations + #plan.creations
  guarding.measure(context, name, plan)
  return plan
end

local function show(context, options, plan, notes)
  if options.json then
    return
  end
  for _, line in ipairs(require("tagua.report").changes(plan, context.paint)) do
    context:print(line)
  end
  for _, note in ipairs(notes) do
    if note[1] > 0 then
      context:print(note[2]:format(terminal.count(note[1], "operation")))
    end
  end
  if plan.operations == 0 then
    context:print(context.paint("bold", "nothing to do"))
  end
end

local function tell(context, options, name, plan, outcome)
  if options.json then
    local answer = require("tagua.command.told").outcome(outcome)
    answer.connection, answer.run = name, options.run
    answer.planned = { operations = plan.operations, on = plan.on, off = plan.off }
    context:json(answer)
  elseif plan.operations > 0 then
    for _, line in ipairs(require("tagua.report").outcome(outcome, context.paint)) do
      context:print(line)
    end
  end
end

--- Does it.
-- @tparam context context
-- @tparam table options
-- @tparam string kind undo or retry
-- @tparam function fill called with the run and the ledger's side of the connection; gives notes:
--   `{ { count, "%s were left out" }, ... }`
-- @treturn integer the exit code
function M.run(context, options, kind, fill)
  local sending = require("tagua.command.sending")
  local source = context:check(context:ledger():runs({ run = options.run }))[1]
  if not source then
    context:fail(("the ledger has no run %d: see tagua runs"):format(options.run), "ENOTFOUND")
  end
  if source.kind == "delete" then
    context:fail(("run %d deleted tags, and a platform does not bring those back: tagua log --tag NAME tells who had"
      .. " one; what failed is tried again with tagua delete"):format(options.run), "EUSAGE")
  end
  local name = source.connection
  sending.ensure_open(context, name)
  require("tagua.command.sender").become(context, name)
  context:connection(name)
  sending.recover(context, name)
  require("tagua.command.pulling").ensure(context, name, options.refresh)
  local book = context:book(name)
  local run = context:check(book:plan({ kind = kind, source = options.run, at = os.time() }))
  sending.discard_unsent(context, run)
  local notes = fill(run, book, name)
  local outcome = { state = "done", sums = context:check(run:ready()), created = 0 }
  local plan = plan_of(context, name, run, kind)
  show(context, options, plan, notes)
  guarding.ask(context, options, plan)
  if plan.operations > 0 then
    local going_to = ("%s: %s on, %s off"):format(context:account(name), terminal.count(plan.on, "tag"),
      terminal.number(plan.off))
    context:confirm(("change %s?"):format(going_to))
    outcome = sending.send(context, name, run, plan)
  end
  tell(context, options, name, plan, outcome)
  return sending.answer(context, outcome)
end

return M
