--- tagua test: runs the tests in a rule file and prints them as busted would.
local core = require("tagua.core")
local moment = require("tagua.command.moment")
local told = require("tagua.command.tests")

return {
  name = "test",
  summary = "run the tests in a rule file",
  description = "Runs the test blocks of a rule file, and shows what each that failed expected of which"
    .. " tag, and what came. Touches no connection and no ledger.",
  examples = {
    "tagua test examples/shop/rules.lua",
    "tagua test examples/shop/rules.lua --at \"2026-11-11 00:00\"",
  },
  define = function(parser)
    parser:argument("rules", "The rule file."):argname("RULES")
    moment.define(parser)
  end,

  run = function(context, options)
    local errors = require("tagua.errors")
    local pool = context:pool({ jobs = 1 })
    local ruleset = context:check(pool:load({ path = options.rules }))
    local started = core.system.monotonic_ns()
    local tests = context:check(pool:test({ at = moment.now(context, ruleset, options) }))
    local seconds = (core.system.monotonic_ns() - started) / 1e9
    local failed = told.failed(tests)
    if options.json then
      context:json({
        ok = failed == 0, rules = options.rules, hash = ruleset.hash, tests = told.told(tests),
      })
    elseif #tests == 0 then
      context:print(told.lines(tests, context.paint)[1])
    else
      for _, line in ipairs(told.busted(tests, context.paint, seconds, options.rules)) do
        context:print(line)
      end
    end
    return failed > 0 and errors.EXIT_RULES or errors.EXIT_DONE
  end,
}
