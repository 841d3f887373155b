--- tagua copy: the tags of one connection, and who has them, to another.
local applying = require("tagua.command.applying")
local guarding = require("tagua.command.guarding")
local values = require("tagua.command.values")

-- What makes a copy impossible, told before anything is read.
local function check(context, options)
  local from, to = context:settings(options.from), context:settings(options.to)
  if options.from == options.to then
    context:fail("--from and --to are the same connection", "EUSAGE")
  elseif type(from.channel) == "string" and type(to.channel) == "string" and from.channel ~= to.channel then
    context:fail(("'%s' is on %s and '%s' on %s: a user has another id on each channel"):format(
      options.from, from.channel, options.to, to.channel), "ECONFIG")
  elseif from.vendor.can and not from.vendor.can(from.identity, "user_tags") then
    context:fail(("%s does not show who has the tags of '%s'"):format(from.vendor.title, options.from), "EUNSUPPORTED")
  end
end

-- The job for tagua.plan, as planning.prepare makes one out of rules.
local function prepare(context, options, settle)
  local pulling, fitting = require("tagua.command.pulling"), require("tagua.fitting")
  require("tagua.command.ending").warn(context, options.to)
  local book = context:book(options.to)
  if settle then settle(book) end
  -- The source is read anew each time: its list of users is what there is to copy.
  pulling.ensure(context, options.from, true)
  pulling.ensure(context, options.to, options.refresh)
  context:check(book:fold())
  local source = context:check(require("tagua.copying").source(context:book(options.from), options.from))
  context:keep(source.input)
  local settings = context:settings(options.to)
  return { ruleset = source.ruleset, pool = source.pool, input = source.input, book = book, at = os.time(),
    id_column = "id", conflicts = settings.conflicts, lacks = fitting.lacks(settings) }
end

return {
  name = "copy",
  summary = "bring the tags of one connection, and who has them, to another",
  description = "Makes a plan that gives the users of --to the tags that they have on --from, by the tags'"
    .. " names, shows it, asks, and carries it out as tagua apply does. A user has the same id on both."
    .. " Users whom --from does not have, and tags that people put on in the console, are left alone."
    .. " Of a MantaGo connection it copies the tags of its own family.",
  examples = {
    "tagua copy --from shop-bb --to shop-mg --plan",
    "tagua copy --from shop-bb --to shop-mg",
    "tagua copy --from shop-mg --to shop-bb --refresh --yes",
  },
  catches_signals = true,
  define = function(parser)
    parser:option("--from", "The connection whose tags are copied."):argname("CONNECTION")
      :convert(values.connection):count(1)
    parser:option("--to", "The connection that gets them."):argname("CONNECTION"):convert(values.connection):count(1)
    parser:flag("--refresh", "Pull --to into the mirror first, even where that was done before; --from is"
      .. " always pulled.")
    parser:flag("--plan", "Show the plan and send nothing.")
    parser:flag("-y --yes", "Go on without being asked.")
    guarding.define(parser)
  end,

  run = function(context, options)
    check(context, options)
    options.rules = "copy from " .. options.from
    if not options.plan then return applying.run(context, options, { options.to }, prepare) end
    local plan = require("tagua.command.planning").make(context, options, prepare(context, options))
    if options.json then
      context:json(require("tagua.command.told").plan(plan, options.to))
    else
      for _, line in ipairs(require("tagua.report").plan(plan, context.paint)) do
        context:print(line)
      end
    end
  end,
}
