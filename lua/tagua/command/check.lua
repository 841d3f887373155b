--- tagua check: loads a rule file, runs the tests in it, and has the doctor look at it.
local moment = require("tagua.command.moment")
local planning = require("tagua.command.planning")
local terminal = require("tagua.terminal")

local function describe(ruleset)
  return ("%s, %s, %s"):format(
    terminal.count(#ruleset.tags, "tag"), terminal.count(#ruleset.fields, "field"), ruleset.zone)
end

local function told_findings(findings)
  local list = {}
  for i, finding in ipairs(findings) do
    list[i] = {
      code = finding.code, severity = finding.severity, file = finding.file, line = finding.line,
      message = finding.message, remedy = finding.remedy,
    }
  end
  return require("tagua.json").array(list)
end

local function as_json(context, options, ruleset, tests, examined, ok)
  local json = require("tagua.json")
  local fields, tags = {}, {}
  for i, field in ipairs(ruleset.fields) do
    fields[i] = { name = field.name, source = field.source, type = field.type }
  end
  for i, tag in ipairs(ruleset.tags) do
    tags[i] = {
      name = tag.name, folder = tag.folder, id = tag.id, rule = tag.rule, file = tag.file, line = tag.line,
    }
  end
  context:json({
    ok = ok,
    rules = options.rules,
    hash = ruleset.hash,
    zone = ruleset.zone,
    fields = json.array(fields),
    tags = json.array(tags),
    tests = require("tagua.command.tests").told(tests),
    findings = told_findings(examined.findings),
    users = examined.users,
  })
end

local function print_findings(context, examined)
  for _, finding in ipairs(examined.findings) do
    context:print(("%s:%d: %s: %s [%s]"):format(terminal.visible(finding.file), finding.line,
      context.paint(finding.severity == "error" and "red" or "yellow", finding.severity),
      terminal.visible(finding.message), finding.code))
    context:print("  " .. terminal.visible(finding.remedy))
  end
  local sums = {}
  if examined.errors > 0 then sums[1] = context.paint("red", terminal.count(examined.errors, "error")) end
  if examined.warnings > 0 then
    sums[#sums + 1] = context.paint("yellow", terminal.count(examined.warnings, "warning"))
  end
  if sums[1] then context:print(table.concat(sums, ", ")) end
end

-- The rules, or the end of the command: what is rejected is a finding, too.
local function load(context, options, pool)
  local ruleset, message, code = pool:load({ path = options.rules })
  if ruleset then return ruleset end
  if code ~= "ERULES" then context:fail(message, code) end
  local finding = require("tagua.rules.doctor").rejection(message)
  if options.json then
    context:json({ ok = false, rules = options.rules, findings = told_findings({ finding }) })
  end
  context:fail(("%s [%s]"):format(message, finding.code), code)
end

return {
  name = "check",
  summary = "load a rule file, run its tests, and find what is wrong with it",
  description = "Loads a rule file, runs the tests in it, and looks for what is likely to be a mistake; with --users"
    .. " also for what shows only when real users are decided. Sends nothing. Ends with 3 where the rules are"
    .. " rejected, a test fails, or an error is found; warnings are printed and change nothing.",
  examples = {
    "tagua check examples/shop/rules.lua",
    "tagua check examples/shop/rules.lua --users examples/shop/users.csv",
    "tagua check examples/shop/rules.lua --at \"2026-11-11 00:00\"",
  },
  catches_signals = true,
  define = function(parser)
    planning.define_input(parser, true)
    moment.define(parser)
  end,

  run = function(context, options)
    local errors = require("tagua.errors")
    local told = require("tagua.command.tests")
    local pool = context:pool({ jobs = not options.users and 1 or nil })
    local ruleset = load(context, options, pool)
    local at = moment.now(context, ruleset, options)
    local tests = context:check(pool:test({ at = at }))
    local input = options.users and planning.open_sample(context, options, ruleset, at)
    local examined = context:check(require("tagua.rules.doctor").examine(pool, {
      path = options.rules, at = at, input = input, id = options.id_column,
    }))
    local ok = told.failed(tests) == 0 and examined.errors == 0
    if options.json then
      as_json(context, options, ruleset, tests, examined, ok)
    else
      context:print(("%s: %s"):format(terminal.visible(options.rules), describe(ruleset)))
      for _, line in ipairs(told.lines(tests, context.paint)) do
        context:print(line)
      end
      print_findings(context, examined)
    end
    return ok and errors.EXIT_DONE or errors.EXIT_RULES
  end,
}
