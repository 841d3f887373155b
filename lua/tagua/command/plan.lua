--- tagua plan: what apply would change, as a diff. Changes nothing but the mirror.
local planning = require("tagua.command.planning")
local several = require("tagua.command.several")
local values = require("tagua.command.values")

-- The plan for one connection.
local function make(context, options)
  local job = planning.prepare(context, options)
  if options.out then
    job.run = context:check(job.book:plan({ kind = "apply", rules = options.rules, rules_hash = job.ruleset.hash,
      input = job.input.name, at = job.at }))
    require("tagua.command.sending").discard_unsent(context, job.run)
    context:check(job.book:keep_rules(job.pool.file))
  end
  local plan = planning.make(context, options, job)
  if options.out then
    context:check(job.run:ready())
    require("tagua.command.approved").write(context, options, job, plan, job.run)
  end
  if options.json then
    context:json(require("tagua.command.told").plan(plan, options.to))
  else
    for _, line in ipairs(require("tagua.report").plan(plan, context.paint)) do
      context:print(line)
    end
    if options.out then
      context:print(("the plan is in %s: tagua apply %s"):format(options.out, options.out))
    end
  end
end

return {
  name = "plan",
  summary = "show what the rules would change",
  description = "Decides for every user which tags the rules want, compares with the mirror, and shows"
    .. " what would change and what it costs. Sends nothing; the first plan on a connection pulls it.",
  examples = {
    "tagua plan rules.lua --users users.csv",
    "tagua plan rules.lua --users export.txt --format csv --encoding big5 --match phone --to shop",
    "tagua plan rules.lua --users @shop --to shop",
    "tagua plan rules.lua --users users.csv --to shop-bb --to shop-mg",
    "tagua plan rules.lua --users users.csv --out monday.plan --expire 2h",
    "tagua plan rules.lua --users users.csv --at \"2026-11-11 00:00\"",
  },
  catches_signals = true,
  define = function(parser)
    planning.define(parser)
    require("tagua.command.moment").define(parser)
    parser:option("--out", "Write the whole plan into this file, for tagua apply to carry out."):argname("FILE")
    parser:option("--expire", "With --out: apply refuses the plan after this time, such as 2h."):argname("TIME")
      :convert(values.duration("--expire"))
  end,

  run = function(context, options)
    if options.expire and not options.out then
      context:fail("--expire is the time that a plan in a file is good for: add --out FILE", "EUSAGE")
    end
    local names = several.targets(context, options)
    if #names > 1 and options.out then
      context:fail("a plan in a file is for one connection: write one for each --to", "EUSAGE")
    end
    several.each(context, options, names, function(own) make(context, own) end)
  end,
}
