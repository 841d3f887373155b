--- tagua check: loads a rule file, runs the tests in it, says what fails.
local terminal = require("tagua.terminal")

local function describe(ruleset)
  return ("%s, %s, %s"):format(
    terminal.count(#ruleset.tags, "tag"), terminal.count(#ruleset.fields, "field"), ruleset.zone)
end

local function as_json(context, options, ruleset, tests, failed)
  local json = require("tagua.json")
  local fields, tags = {}, {}
  for i, field in ipairs(ruleset.fields) do
    fields[i] = { name = field.name, source = field.source, type = field.type }
  end
  for i, tag in ipairs(ruleset.tags) do
    tags[i] = { name = tag.name, folder = tag.folder, id = tag.id, rule = tag.rule, line = tag.line }
  end
  context:json({
    ok = failed == 0,
    rules = options.rules,
    hash = ruleset.hash,
    zone = ruleset.zone,
    fields = json.array(fields),
    tags = json.array(tags),
    tests = require("tagua.command.tests").told(tests),
  })
end

return {
  name = "check",
  summary = "load a rule file and run its tests",
  description = "Loads a rule file and runs the tests in it. Touches no connection and no ledger.",
  examples = {
    "tagua check examples/shop/rules.lua",
    "tagua check examples/shop/rules.lua --at \"2026-11-11 00:00\"",
  },
  define = function(parser)
    parser:argument("rules", "The rule file."):argname("RULES")
    require("tagua.command.moment").define(parser)
  end,

  run = function(context, options)
    local errors = require("tagua.errors")
    local pool = context:pool({ jobs = 1 })
    local ruleset = context:check(pool:load({ path = options.rules }))
    local at = require("tagua.command.moment").now(context, ruleset, options)
    local tests = context:check(pool:test({ at = at }))
    local failed = 0
    for _, test in ipairs(tests) do
      failed = failed + (test.ok and 0 or 1)
    end
    if options.json then
      as_json(context, options, ruleset, tests, failed)
    else
      context:print(("%s: %s"):format(terminal.visible(options.rules), describe(ruleset)))
      for _, line in ipairs(require("tagua.command.tests").lines(tests, context.paint)) do
        context:print(line)
      end
    end
    return failed > 0 and errors.EXIT_RULES or errors.EXIT_DONE
  end,
}
