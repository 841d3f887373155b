--- What plan and apply have in common: their options, and the way from a rule file and an input to
-- a plan. Owns the order in which things are checked: what costs nothing comes first, so that a
-- mistake in the rules or the input is told before the platform hears anything.
local guarding = require("tagua.command.guarding")
local moment = require("tagua.command.moment")
local progress = require("tagua.command.progress")
local values = require("tagua.command.values")

local M = {}

--- Defines the options that say where the records are and what they look like.
-- @param parser
-- @tparam[opt] boolean optional whether --users may be left out: the command asks for it itself
function M.define_input(parser, optional)
  parser:argument("rules", "The rule file."):argname("RULES")
  parser:option("--users", "Whom: a CSV or JSONL file of users or of events, - for standard input,"
    .. " or @CONNECTION for the users in its mirror."):argname("FILE"):count(optional and "?" or 1)
  parser:option("--id-column", "The column or key with the user's id (id)."):argname("NAME")
    :default("id"):show_default(false)
  parser:option("--format", "csv or jsonl; else the file's name tells."):argname("FORMAT")
    :convert(values.one_of("--format", { "csv", "jsonl" }))
  parser:option("--delimiter", "What separates columns (,); tab for a tab."):argname("CHARACTER")
    :convert(values.delimiter("--delimiter"))
  parser:option("--encoding", "Of the input, such as big5 (utf-8)."):argname("NAME")
end

--- Defines the options that say whose users the records are.
-- @param parser
-- @tparam[opt] boolean open whether --to is nothing, instead of local, where it was not given
-- @return the option --to
function M.define_target(parser, open)
  local to = parser:option("--to", "The connection whose users are tagged (local)."):argname("CONNECTION")
    :convert(values.connection)
  if not open then
    to:default("local"):show_default(false)
  end
  parser:option("--match", "What of a user the id column holds, where it is not the platform's own"
    .. " id: ext_id, phone, email or param:NAME."):argname("WHAT"):convert(values.match("--match"))
  return to
end

--- Defines the options.
-- @param parser
function M.define(parser)
  M.define_input(parser, true)
  M.define_target(parser, true):count("*")
  parser:option("--jobs", "Processes that run the rules (one for each core)."):argname("N")
    :convert(values.whole("--jobs", 1, 256))
  parser:flag("--refresh", "Pull the platform into the mirror first, even where that was done before.")
  parser:flag("--skip-tests", "Do not run the tests of the rule file; the run says so.")
end

-- Loads the rules and runs their tests: a rule that fails its own test touches nobody.
local function load_rules(context, options)
  local tests = require("tagua.command.tests")
  local pool = context:pool({ jobs = options.jobs })
  local ruleset = context:check(pool:load({ path = options.rules }))
  context:check(require("tagua.fitting").check(ruleset, context:settings(options.to)))
  local at = moment.now(context, ruleset, options)
  local ran = "skipped"
  if options.skip_tests then
    context:note("the tests of the rule file were skipped (--skip-tests)")
  else
    ran = "passed"
    local results = context:check(pool:test({ at = at }))
    local failed = tests.failed(results)
    if failed > 0 then
      for _, line in ipairs(tests.lines(results, context.paint_error)) do
        context:note(line)
      end
      context:fail("the rules fail their own tests, so nothing was planned; correct them, or add"
        .. " --skip-tests", "ERULES")
    end
  end
  return pool, ruleset, at, ran
end

--- Opens the input; for @CONNECTION, the users that its mirror holds. Events, where the rules ask what events tell,
-- become records of what they come to.
-- @tparam context context
-- @tparam table options as `define_input` has them
-- @tparam table ruleset
-- @tparam integer at the moment that counts, in seconds since the epoch
-- @tparam ?{integer,...} days later moments that count, see tagua.events.file
-- @return see tagua.input
function M.open_input(context, options, ruleset, at, days)
  local name = options.users:match("^@(.*)$")
  local source = { format = options.format, delimiter = options.delimiter, encoding = options.encoding }
  if name then
    require("tagua.command.pulling").ensure(context, name, false)
    source.lines = require("tagua.command.happened").records(context, options, name, ruleset, at)
    source.name = "the mirror of @" .. name
  else
    source.path = options.users
  end
  local input = context:keep(context:check(require("tagua.input").open(source)))
  if name or not require("tagua.events.file").holds_events(input, ruleset) then
    return input
  end
  return require("tagua.command.happened").open(context, options, input, ruleset, at, days)
end

--- Opens the input to look at it, without a call to the platform: a mirror has to be there already.
-- @tparam context context
-- @tparam table options as `define_input` has them
-- @tparam table ruleset
-- @tparam integer at as `open_input` takes it
-- @return see tagua.input
function M.open_sample(context, options, ruleset, at)
  local name = options.users:match("^@(.*)$")
  if name and not context:book(name):pulled() then
    context:fail(("the users of '%s' are not in the ledger: tagua pull %s reads them"):format(name, name), "EUSAGE")
  end
  return M.open_input(context, options, ruleset, at)
end

--- Loads the rules, opens the input, makes the mirror ready: all that comes before deciding.
-- @tparam context context
-- @tparam table options as `define` has them
-- @tparam ?function settle called before the mirror is read, with the ledger's side of the connection
-- @treturn table the job that `tagua.plan` takes, without a run
function M.prepare(context, options, settle)
  options.to = options.to or "local"
  if not options.users then
    context:fail("whose tags? name a file of users with --users FILE, or a connection's with --users @CONNECTION",
      "EUSAGE")
  end
  require("tagua.command.ending").warn(context, options.to)
  local pool, ruleset, at, tests = load_rules(context, options)
  local from_file = not options.users:match("^@") and M.open_input(context, options, ruleset, at)
  local book = context:book(options.to)
  book:only(require("tagua.fitting").meant(context:settings(options.to), ruleset))
  if settle then
    settle(book)
  end
  require("tagua.command.pulling").ensure(context, options.to, options.refresh)
  context:check(book:fold())
  local input = from_file or M.open_input(context, options, ruleset, at)
  local like = { format = input.format, header = input:header(), delimiter = input.delimiter, id = options.id_column,
    at = at }
  context:check(pool:input(like))
  local former = require("tagua.command.comparing").open(context, options, { book = book, ruleset = ruleset,
    input = input }, like)
  return { former = former, pool = pool, ruleset = ruleset, input = input, book = book, match = options.match, at = at,
    id_column = options.id_column, conflicts = context:settings(options.to).conflicts,
    tests = tests, lacks = require("tagua.fitting").lacks(context:settings(options.to)) }
end

-- Tags that Tagua put on users and that no rule owns any more, with how many hold them.
local function unowned(context, job)
  local owned, candidates = {}, {}
  for _, tag in ipairs(job.ruleset.tags) do
    owned[tag.id or tag.name] = true
  end
  for _, tag in ipairs(context:check(job.book:tags())) do
    if tag.kind == "tag" and not owned[tag.id] and not owned[tag.name] then
      candidates[#candidates + 1] = tag
    end
  end
  local found = {}
  local sizes = #candidates > 0 and context:check(job.book:tag_sizes()) or {}
  for _, tag in ipairs(candidates) do
    local size = sizes[tag.id]
    if size and size.ours > 0 then
      found[#found + 1] = { name = tag.name, id = tag.id, users = size.ours }
    end
  end
  return found
end

--- Decides every record and compares with the mirror.
-- @tparam context context
-- @tparam table options
-- @tparam table job from `prepare`; `run` added where operations are to be written
-- @treturn table the plan, with what it costs
function M.make(context, options, job)
  local line = progress.line(context)
  job.interrupted = function() return context:interrupted() end
  job.progress = function(count) line:update({ done = count, noun = "records" }) end
  local plan, message, code = require("tagua.plan").make(job)
  line:finish()
  context:check(plan, message, code)
  if plan.interrupted then
    context:fail("interrupted while reading the records: nothing was changed", "EINTERRUPTED")
  end
  guarding.measure(context, options.to, plan, { bounds = job.ruleset.guards, rules = options.rules })
  plan.due = select(2, context:check(job.book:due(job.at, 0)))
  plan.unowned = unowned(context, job)
  plan.tests = job.tests
  return plan
end

return M
