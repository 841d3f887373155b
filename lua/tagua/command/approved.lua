--- Plans as files: writes one for somebody to approve, and carries an approved one out. Does exactly
-- what the file says, or refuses and says what has changed since.
local core = require("tagua.core")
local guarding = require("tagua.command.guarding")
local planfile = require("tagua.planfile")
local terminal = require("tagua.terminal")

local M = {}

local SKIPPED = "the user's tags have changed since the plan was made"
local SAMPLES = 3

-- The account of a connection, as the file names it.
local function account(context, name)
  local settings = context:settings(name)
  return {
    platform = settings.platform,
    bot = settings.bot,
    page = settings.page,
    channel = settings.channel and tostring(settings.channel),
    store = settings.is_local and settings.store or nil,
  }
end

local function tags_of(plan)
  local tags = {}
  for _, tag in ipairs(plan.tags) do
    if tag.on > 0 or tag.off > 0 then
      tags[#tags + 1] = { name = tag.name, id = tag.id, folder = tag.folder, family = tag.family, on = tag.on,
        off = tag.off, holders = tag.holders, money = tag.money }
    end
  end
  return require("tagua.json").array(tags)
end

--- Writes a plan that was made into a run.
-- @tparam context context
-- @tparam table options `out`, `expire`, `rules`, `to`
-- @tparam table job from planning.prepare
-- @tparam table plan from planning.make
-- @param run ready to be sent
function M.write(context, options, job, plan, run)
  local json, now = require("tagua.json"), context:now()
  local writer = context:keep(context:check(planfile.create(options.out, {
    plan = core.system.random_hex(16),
    connection = options.to,
    account = account(context, options.to),
    rules = { file = options.rules, sha256 = job.ruleset.hash },
    input = { file = job.input.name, sha256 = job.input:hash(), records = plan.records.read },
    mirror = { sha256 = context:check(job.book:fingerprint()), pulled = job.book:pulled() },
    at = job.at,
    made = now,
    expires = options.expire and now + options.expire,
    operations = plan.operations,
    on = plan.on,
    off = plan.off,
    calls = plan.calls,
    minutes = plan.per_second and plan.calls / plan.per_second / 60,
    money = plan.money,
    bounds = job.ruleset.guards or {},
    tags = tags_of(plan),
    create = json.array(plan.creations),
  })))
  context:check(run:export(function(entry)
    return writer:line(entry)
  end))
  context:check(writer:finish())
end

-- The SHA-256 of a file, nil where it is not there any more.
local function hash_of(path)
  local file = core.system.file_kind(path) == "file" and io.open(path, "rb")
  if not file then
    return nil
  end
  local digest = core.digest.sha256()
  for piece in function() return file:read(256 * 1024) end do
    digest:add(piece)
  end
  file:close()
  return digest:finish()
end

local function refuse(context, path, ...)
  context:fail(("the plan '%s' was not carried out: "):format(path) .. string.format(...)
    .. "; make the plan again", "EGUARD")
end

local function when(seconds)
  return os.date("!%Y-%m-%d %H:%M UTC", seconds)
end

-- What can be told without asking the platform: the file is for this account, in time, and what it was
-- made from is as it was. A file that is not there any more can't have changed.
local function check_header(context, options, header)
  local path, name = options.rules, header.connection
  if options.to and options.to ~= name then
    context:fail(("the plan '%s' is for '%s', and --to says '%s'"):format(path, name, options.to), "EUSAGE")
  end
  local mine = account(context, name)
  for _, key in ipairs({ "platform", "bot", "page", "channel", "store" }) do
    if mine[key] ~= header.account[key] then
      refuse(context, path, "the connection '%s' has the %s '%s' now, and '%s' when it was made", name, key,
        tostring(mine[key]), tostring(header.account[key]))
    end
  end
  if header.expires and context:now() >= header.expires then
    refuse(context, path, "it was made at %s and expired at %s", when(header.made or 0), when(header.expires))
  end
  for _, what in ipairs({ { "rules", header.rules }, { "input", header.input } }) do
    local file, hash = what[2].file, what[2].sha256
    local now = type(file) == "string" and hash and hash_of(file)
    if now and now ~= hash then
      refuse(context, path, "the %s in '%s' changed since", what[1], file)
    end
  end
end

-- A tag is still there: the platform is asked, for nobody tells the ledger when it is deleted in the console.
local function check_tag(context, options, connection, tag)
  local there, message, code = nil, nil, "ENOTFOUND"
  if connection:can("get_tag") then
    there, message, code = connection:get_tag(tag.id)
  end
  if not there and code == "ENOTFOUND" then
    refuse(context, options.rules, "the tag '%s' (%s) is not on the platform any more", tag.name, tag.id)
  elseif not there and connection:stopped() then
    context:fail(message, code)
  end
end

-- The tags that the plan names are still there; those that it would create are not, or are taken.
local function check_tags(context, options, header, book)
  local known = {}
  for _, tag in ipairs(context:check(book:tags())) do
    known[tag.id or ""] = tag
  end
  local tags, by_name = {}, {}
  for _, tag in ipairs(header.tags) do
    if type(tag.name) ~= "string" then
      context:fail(("the plan '%s' has a tag without a name"):format(options.rules), "EINPUT")
    elseif tag.id and not known[tag.id] then
      refuse(context, options.rules, "the tag '%s' (%s) is not on the platform any more", tag.name, tag.id)
    elseif tag.id then
      check_tag(context, options, context:connection(header.connection), tag)
    end
    local now, message, code
    if not tag.id then
      now, message, code = book:tag(tag.name) -- created since, by an earlier attempt or by somebody else
      if message then
        context:fail(message, code)
      end
    end
    local entry = { name = tag.name, id = tag.id or now and now.id, folder = tag.folder, family = tag.family,
      on = 0, off = 0, stay = 0, on_users = {}, off_users = {} }
    tags[#tags + 1], by_name[tag.id or "\0" .. tag.name] = entry, entry
  end
  local creations = {}
  for _, creation in ipairs(header.create) do
    local kind = creation.kind == "folder" and "folder" or "tag"
    local there, message, code = book:tag(creation.name, kind)
    if message then
      context:fail(message, code)
    elseif not there then
      creations[#creations + 1] = { kind = kind, name = creation.name, folder = creation.folder,
        family = creation.family }
    end
  end
  return tags, by_name, creations
end

local function count(tag, user, direction)
  tag[direction] = tag[direction] + 1
  local named = tag[direction .. "_users"]
  if #named < SAMPLES then
    named[#named + 1] = user
  end
end

-- Whether a user's tag is as the plan saw it.
local function as_planned(before, now)
  if before == nil or now == nil then
    return before == now -- not known then: not known now
  elseif before > 1 and now > 1 then
    return before == now
  end
  return (before > 0) == (now > 0)
end

-- Adds the operations of one user; all of them are skipped when one of the tags has moved.
local function add_user(context, book, run, plan, operations)
  local moved = false
  for _, entry in ipairs(operations) do
    local tag = plan.by_name[entry.id or "\0" .. entry.tag]
    if not tag then
      context:fail(("the plan '%s' has an operation on the tag '%s', which its first line does not name"):format(
        plan.path, entry.tag), "EINPUT")
    elseif not as_planned(entry.before, book:image(entry.user, tag.id)) then
      moved = true
    end
  end
  for _, entry in ipairs(operations) do
    local tag = plan.by_name[entry.id or "\0" .. entry.tag]
    if moved then
      plan.skipped = plan.skipped + 1
    else
      count(tag, entry.user, entry.op == "tag" and "on" or "off")
    end
    context:check(run:add({ user = entry.user, action = entry.op, tag = tag.id, name = entry.tag, rule = entry.rule,
      line = entry.line, input_line = entry.record, lasts = entry.lasts, ends = entry.ends,
      skip = moved and SKIPPED or nil }))
  end
  if moved then
    plan.moved = plan.moved + 1
    if #plan.moved_users < SAMPLES then
      plan.moved_users[#plan.moved_users + 1] = operations[1].user
    end
  end
end

-- Reads the whole file into the run.
local function read(context, reader, book, run, plan)
  local pending = {}
  local function flush()
    if pending[1] then
      add_user(context, book, run, plan, pending)
      pending = {}
    end
  end
  while true do
    local entry, message, code = reader:next()
    if message then
      context:fail(message, code)
    elseif not entry then
      break
    end
    if entry.kind ~= "op" or pending[1] and pending[1].user ~= entry.user then
      flush()
    end
    if entry.kind == "op" then
      pending[#pending + 1] = entry
    elseif entry.kind == "time" then
      context:check(run:time({ user = entry.user, tag = entry.id, what = entry.time, lasts = entry.lasts,
        ends = entry.ends }))
    elseif entry.kind == "note" then
      context:check(run:note(entry.user, entry.id, entry.note))
    elseif entry.kind == "values" then
      context:check(run:record(entry.record, entry.rule, entry.line,
        context:check(require("tagua.json").encode(entry.values))))
    end
  end
  flush()
end

local function show(context, plan, header)
  for _, line in ipairs(require("tagua.report").changes(plan, context.paint)) do
    context:print(line)
  end
  if plan.changed then
    context:print(context.paint("yellow", ("tags have changed on the platform since the plan was made at %s%s"):format(
      when(header.made or 0), plan.moved == 0 and ", none that it is about" or "")))
  end
  if plan.moved > 0 then
    local text = "skipped, since their tags moved since the plan was made at %s: %s (%s%s)"
    context:print(context.paint("yellow", text:format(
      when(header.made or 0), terminal.count(plan.moved, "user"), table.concat(plan.moved_users, ", "),
      plan.moved > #plan.moved_users and ", …" or "")))
  end
  if plan.operations == 0 then
    context:print(context.paint("bold", "nothing to do"))
  end
end

--- Carries an approved plan out.
-- @tparam context context
-- @tparam table options as apply has them; `rules` is the file
-- @tparam function take_off_due as apply does it
-- @treturn integer the exit code
function M.apply(context, options, take_off_due)
  local sending = require("tagua.command.sending")
  local reader = context:keep(context:check(planfile.open(options.rules)))
  local header = reader.header
  check_header(context, options, header)
  local name = header.connection
  options.to = name
  sending.ensure_open(context, name)
  require("tagua.command.sender").become(context, name)
  context:connection(name)
  sending.recover(context, name)
  local book = context:book(name)
  book:only(require("tagua.fitting").meant(context:settings(name), header))
  local before, message, code = book:carried_out(header.plan)
  if message then
    context:fail(message, code)
  elseif before then
    refuse(context, options.rules, "run %d has carried it out already", before)
  end
  require("tagua.command.pulling").ensure(context, name, true) -- whose tags moved is asked of the platform
  local expired = take_off_due(context, options)
  local run = context:check(book:plan({ kind = "apply", rules = header.rules.file, rules_hash = header.rules.sha256,
    input = header.input.file, at = header.at, approved = header.plan }))
  sending.discard_unsent(context, run)
  local plan = { path = options.rules, moved = 0, skipped = 0, moved_users = {}, on = 0, off = 0,
    records = { read = math.tointeger(header.input.records) },
    changed = header.mirror.sha256 ~= context:check(book:fingerprint()) }
  plan.tags, plan.by_name, plan.creations = check_tags(context, options, header, book)
  read(context, reader, book, run, plan)
  if type(header.input.sha256) == "string" then
    context:check(run:read_all(header.input.sha256))
  end
  local outcome = { state = "done", sums = context:check(run:ready()), created = 0 }
  for _, tag in ipairs(plan.tags) do
    plan.on, plan.off = plan.on + tag.on, plan.off + tag.off
  end
  plan.operations = plan.on + plan.off
  plan.calls = plan.operations + #plan.creations
  guarding.measure(context, name, plan, { bounds = header.bounds, rules = header.rules.file })
  if not options.json then
    show(context, plan, header)
  end
  guarding.ask(context, options, plan)
  local going_to = ("%s: %s on, %s off"):format(context:account(name), terminal.count(plan.on, "tag"),
    terminal.number(plan.off))
  if plan.operations > 0 then
    context:confirm(("change %s?"):format(going_to))
  end
  context:check(run:keep_times())
  if plan.operations > 0 then
    outcome = sending.send(context, name, run, plan)
  else
    context:check(run:accept())
  end
  if options.json then
    local answer = require("tagua.command.told").outcome(outcome)
    answer.connection, answer.moved, answer.mirror_changed = name, plan.moved, plan.changed
    context:json(answer)
  elseif plan.operations > 0 then
    for _, line in ipairs(require("tagua.report").outcome(outcome, context.paint)) do
      context:print(line)
    end
  end
  local answer = sending.answer(context, outcome)
  return answer == 0 and expired or answer
end

return M
