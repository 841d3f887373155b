--- tagua apply: makes a plan and carries it out.
local applying = require("tagua.command.applying")
local guarding = require("tagua.command.guarding")
local planning = require("tagua.command.planning")
local several = require("tagua.command.several")

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
      return require("tagua.command.approved").apply(context, options, applying.take_off_due)
    end
    return applying.run(context, options, names, planning.prepare)
  end,
}
