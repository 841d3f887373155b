--- tagua test: runs the tests in a rule file and prints them as busted would.
local core = require("tagua.core")
local moment = require("tagua.command.moment")
local planning = require("tagua.command.planning")
local told = require("tagua.command.tests")

return {
  name = "test",
  summary = "run the tests in a rule file",
  description = "Runs the test blocks of a rule file, and shows what each that failed expected of which"
    .. " tag, and what came. With --coverage also which rules, decisions and lines the tests never reached,"
    .. " and with --users which ones those users never do. Sends nothing.",
  examples = {
    "tagua test examples/shop/rules.lua",
    "tagua test examples/shop/rules.lua --coverage --users examples/shop/users.csv",
    "tagua test examples/shop/rules.lua --at \"2026-11-11 00:00\"",
  },
  catches_signals = true,
  define = function(parser)
    planning.define_input(parser, true)
    parser:flag("--coverage", "Tell what the tests, and the users, never reach.")
    moment.define(parser)
  end,

  run = function(context, options)
    local errors = require("tagua.errors")
    if options.users and not options.coverage then
      context:fail("--users tells whom --coverage decides, too: add --coverage", "EUSAGE")
    end
    local pool = context:pool({ jobs = 1 })
    local ruleset = context:check(pool:load({ path = options.rules }))
    local at = moment.now(context, ruleset, options)
    local started = core.system.monotonic_ns()
    local tests, covered
    if options.coverage then
      tests, covered = require("tagua.command.covering").measure(context, options, pool, ruleset, at)
    else
      tests = context:check(pool:test({ at = at }))
    end
    local seconds = (core.system.monotonic_ns() - started) / 1e9
    local failed = told.failed(tests)
    local lines = {}
    if options.json then
      context:json({
        ok = failed == 0, rules = options.rules, hash = ruleset.hash, tests = told.told(tests),
        coverage = covered and require("tagua.command.covering").told(covered),
      })
    elseif #tests == 0 then
      lines = told.lines(tests, context.paint)
    else
      lines = told.busted(tests, context.paint, seconds, options.rules)
    end
    if covered and not options.json then
      local more = require("tagua.command.covering").lines(covered, tests, pool.file, context.paint)
      table.move(more, 1, #more, #lines + 1, lines)
    end
    for _, line in ipairs(lines) do
      context:print(line)
    end
    return failed > 0 and errors.EXIT_RULES or errors.EXIT_DONE
  end,
}
