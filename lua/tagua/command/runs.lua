--- tagua runs: what was done, the newest first.
local terminal = require("tagua.terminal")
local values = require("tagua.command.values")

return {
  name = "runs",
  summary = "list the runs, the newest first",
  description = "Lists the runs of the ledger with their state and their sums: planned = done + failed +"
    .. " skipped + left.",
  examples = { "tagua runs", "tagua runs --limit 5 --json" },
  define = function(parser)
    parser:option("--limit", "At most so many runs (20)."):argname("N")
      :convert(values.whole("--limit", 1, 1000000)):default("20"):show_default(false)
  end,

  run = function(context, options)
    local runs = context:check(context:ledger():runs({ limit = options.limit }))
    if options.json then
      context:json(require("tagua.json").array(runs))
      return
    end
    local head = { "run", "when (UTC)", "connection", "what", "state" }
    table.move({ "planned", "done", "failed", "skipped", "left" }, 1, 5, 6, head)
    local rows = { head }
    for _, run in ipairs(runs) do
      rows[#rows + 1] = {
        tostring(run.run), run.created, terminal.visible(run.connection),
        run.source and ("%s of %d"):format(run.kind, run.source) or run.kind, run.state,
        terminal.number(run.planned), terminal.number(run.done), terminal.number(run.failed),
        terminal.number(run.skipped), terminal.number(run.left),
      }
    end
    local sides = { [1] = "right" }
    for column = 6, 10 do
      sides[column] = "right"
    end
    for i, line in ipairs(#runs > 0 and terminal.columns(rows, sides, { [3] = 24 }) or {}) do
      context:print(i == 1 and context.paint("dim", line) or line)
    end
    if #runs == 0 then
      context:print("no run yet")
    end
  end,
}
