--- tagua plan: what apply would change, as a diff. Changes nothing but the mirror.
local planning = require("tagua.command.planning")

return {
  name = "plan",
  summary = "show what the rules would change",
  description = "Decides for every user which tags the rules want, compares with the mirror, and shows"
    .. " what would change and what it costs. Sends nothing; the first plan on a connection pulls it.",
  examples = {
    "tagua plan rules.lua --users users.csv",
    "tagua plan rules.lua --users export.txt --format csv --encoding big5 --match phone --to shop",
    "tagua plan rules.lua --users @shop --to shop",
    "tagua plan rules.lua --users users.csv --at \"2026-11-11 00:00\"",
  },
  catches_signals = true,
  define = function(parser)
    planning.define(parser)
    require("tagua.command.moment").define(parser)
  end,

  run = function(context, options)
    local job = planning.prepare(context, options)
    local plan = planning.make(context, options, job)
    if options.json then
      context:json(require("tagua.command.told").plan(plan, options.to))
    else
      for _, line in ipairs(require("tagua.report").plan(plan, context.paint)) do
        context:print(line)
      end
    end
  end,
}
