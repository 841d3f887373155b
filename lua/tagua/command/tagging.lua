--- What tag and untag have in common: one user, one tag, through the ledger as a run of its own.
local nearest = require("tagua.nearest")
local terminal = require("tagua.terminal")
local values = require("tagua.command.values")

local M = {}

--- A tag of the registry by its name, else by its id.
-- @tparam context context
-- @param book the ledger's side of the connection
-- @tparam string wanted
-- @treturn ?table nil where there is none
function M.known_tag(context, book, wanted)
  local tag, message, code = book:tag(wanted)
  if tag then
    return tag
  elseif message then
    context:fail(message, code)
  end
  for _, one in ipairs(context:check(book:tags())) do
    if one.id == wanted and one.kind ~= "folder" then
      return one
    end
  end
  return nil
end

-- A tag that the mirror does not know, but the platform does, by its id.
local function tag_of_platform(context, name, wanted)
  local connection = context:connection(name)
  if not connection:can("get_tag") then
    return nil
  end
  local tag, message, code = connection:get_tag(wanted)
  if not tag and code ~= "ENOTFOUND" and code ~= "EPLATFORM" then
    context:fail(message, code)
  end
  return tag
end

--- Fails: there is no such tag.
-- @tparam ?string remedy what to do besides looking at the name
function M.unknown(context, book, name, wanted, remedy)
  local names = {}
  for _, tag in ipairs(context:check(book:tags())) do
    if tag.kind ~= "folder" then
      names[#names + 1] = tag.name
    end
  end
  context:fail(("%s has no tag '%s'%s%s"):format(
    name, wanted, nearest.hint(wanted, names), remedy or ("; 'tagua tags %s' lists those that it has"):format(name)),
    "EUSAGE")
end

-- Finds the tag: in the registry, after a pull where there never was one, by id at the platform.
local function find_tag(context, options, action)
  local book = context:book(options.to)
  local tag = M.known_tag(context, book, options.tag)
  if not tag and not book:pulled() then
    require("tagua.command.pulling").ensure(context, options.to, false)
    tag = M.known_tag(context, book, options.tag)
  end
  if not tag and not options.create then
    tag = tag_of_platform(context, options.to, options.tag)
    if not tag then
      M.unknown(context, book, options.to, options.tag, action == "tag" and "; --create makes it" or nil)
    end
  end
  return tag
end

local function tell(context, options, action, outcome, tag)
  if options.json then
    local answer = require("tagua.command.told").outcome(outcome)
    answer.connection, answer.action, answer.user = options.to, action, options.user
    answer.tag = { id = tag and tag.id, name = tag and tag.name or options.tag }
    context:json(answer)
  elseif outcome.sums.done > 0 then
    context:print(("%s %s %s at %s"):format(
      terminal.visible(tag and tag.name or options.tag),
      action == "tag" and "is on" or "is off",
      terminal.visible(options.user),
      context:account(options.to)))
  else
    for _, line in ipairs(require("tagua.report").outcome(outcome, context.paint)) do
      context:print(line)
    end
  end
end

--- The arguments of tag and untag.
-- @param parser
-- @tparam boolean may_create
function M.define(parser, may_create)
  parser:argument("user", "The user's id at the platform."):argname("USER")
  parser:argument("tag", "The tag's name or id."):argname("TAG")
  parser:option("--to", "The connection (local)."):argname("CONNECTION")
    :convert(values.connection):default("local"):show_default(false)
  if may_create then
    parser:flag("--create", "Create the tag when there is none of this name.")
    parser:option("--lasts", "It comes off again after this time, such as 30d (m, h, d or w)."):argname("TIME")
      :convert(values.duration("--lasts"))
    parser:option("--ends", "It comes off again at this moment, in the connection's zone: \"2026-12-01 00:00\".")
      :argname("TIME")
  end
end

-- The moment at which the tag comes off again, where one was given.
local function end_of(context, options)
  if not options.ends then
    return nil
  end
  local ends = require("tagua.command.moment").read(context, context:settings(options.to), options.ends, "--ends")
  if ends <= context:now() then
    context:fail(("--ends: '%s' is over already"):format(options.ends), "EUSAGE")
  end
  return ends
end

--- Does it.
-- @tparam context context
-- @tparam table options
-- @tparam string action tag or untag
-- @treturn integer the exit code
function M.run(context, options, action)
  local sending = require("tagua.command.sending")
  local ends = end_of(context, options)
  sending.ensure_open(context, options.to)
  require("tagua.command.sender").become(context, options.to)
  context:connection(options.to)
  sending.recover(context, options.to)
  local book = context:book(options.to)
  context:check(book:fold())
  local tag = find_tag(context, options, action)
  local run = context:check(book:plan({ kind = action, at = context:now() }))
  sending.discard_unsent(context, run)
  run:add({ user = options.user, tag = tag and tag.id, name = tag and tag.name or options.tag,
    action = action, lasts = options.lasts, ends = ends })
  context:check(run:ready())
  local creations = not tag and { { kind = "tag", name = options.tag } } or {}
  local outcome = sending.send(context, options.to, run, { creations = creations })
  tell(context, options, action, outcome, tag or book:tag(options.tag))
  return sending.answer(context, outcome)
end

return M
