--- tagua run: one run, and what failed in it.
local terminal = require("tagua.terminal")
local values = require("tagua.command.values")

-- Prints what did not work, as it is read: there may be as many as users.
local function print_failed(context, options)
  local count = 0
  for _, outcome in ipairs({ "failed", "ambiguous" }) do
    for operation in context:ledger():operations(options.run, outcome) do
      count = count + 1
      if options.json then
        context:json({ user = operation.user, action = operation.action, tag = operation.tag,
          outcome = outcome, code = operation.code, message = operation.message, time = operation.time })
      else
        context:print(("%s %s %s: %s%s"):format(operation.action == "tag" and "+" or "-",
          terminal.visible(operation.tag), terminal.visible(operation.user == "" and "everybody" or operation.user),
          terminal.visible(operation.message or outcome),
          operation.code and (" (%s)"):format(operation.code) or ""))
      end
      if context.gone then
        return count
      end
    end
  end
  return count
end

local function print_run(context, run)
  local title = ("run %d: %s"):format(run.run, run.kind)
  if run.source then
    title = ("%s of run %d"):format(title, run.source)
  end
  context:print(("%s, %s, %s"):format(title, terminal.visible(run.connection), run.state))
  if run.rules then
    context:print(("rules %s on %s"):format(terminal.visible(run.rules), terminal.visible(run.input or "")))
  end
  context:print(("begun %s UTC%s"):format(run.created, run.finished and (", over %s UTC"):format(run.finished) or ""))
  context:print(("operations: %s planned = %s done + %s failed + %s skipped + %s left"):format(
    terminal.number(run.planned), terminal.number(run.done), terminal.number(run.failed),
    terminal.number(run.skipped), terminal.number(run.left)))
  if run.unattributed > 0 then
    context:print(("lost the answer and found done, so that undo leaves them out: %s"):format(
      terminal.count(run.unattributed, "operation")))
  end
  if run.ambiguous > 0 then
    context:print(("what became of %s is not known: tagua run %d --failed says where to look"):format(
      terminal.count(run.ambiguous, "operation"), run.run))
  end
  if run.message then
    context:print(terminal.visible(run.message))
  end
  if run.failed > run.ambiguous then
    context:print(("tagua run %d --failed lists what failed; tagua retry %d tries it again"):format(run.run, run.run))
  end
end

return {
  name = "run",
  summary = "show one run, and what failed in it",
  description = "Shows one run of the ledger; with --failed each operation that failed, and why.",
  examples = { "tagua run 12", "tagua run 12 --failed --json" },
  define = function(parser)
    parser:argument("run", "The run's number."):argname("N"):convert(values.whole("N", 1, 1 << 52))
    parser:flag("--failed", "List the operations that failed, and why.")
  end,

  run = function(context, options)
    local run = context:check(context:ledger():runs({ run = options.run }))[1]
    if not run then
      context:fail(("the ledger has no run %d: see tagua runs"):format(options.run), "ENOTFOUND")
    elseif options.failed then
      if print_failed(context, options) == 0 and not options.json then
        context:print(("nothing failed in run %d"):format(options.run))
      end
    elseif options.json then
      context:json(run)
    else
      print_run(context, run)
    end
  end,
}
