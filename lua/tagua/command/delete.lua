--- tagua delete: deletes tags and folders at the platform.
local guarding = require("tagua.command.guarding")
local guards = require("tagua.guards")
local tagging = require("tagua.command.tagging")
local terminal = require("tagua.terminal")
local values = require("tagua.command.values")

-- The tag or the folder that is meant among those that are known: by its id, else by its name.
local function among(context, book, wanted)
  for _, one in ipairs(context:check(book:tags())) do
    if one.id == wanted then
      return one
    end
  end
  local found = {}
  for _, kind in ipairs({ "tag", "folder" }) do
    local one, message, code = book:tag(wanted, kind)
    if message then
      context:fail(message, code)
    end
    found[#found + 1] = one
  end
  if #found == 2 then
    context:fail(("both a tag and a folder are called '%s': say which one by its id, %s or %s"):format(
      wanted, found[1].id, found[2].id), "EAMBIGUOUS")
  end
  return found[1]
end

-- Likewise at the platform, where the ledger has not met it: nobody has it, and Tagua did not make it.
local function at_platform(context, name, book, wanted)
  local connection = context:connection(name)
  if connection:can("list_tags") then
    for _, tag in ipairs(context:check(connection:list_tags())) do
      context:check(book:remember_tag(tag))
    end
    return among(context, book, wanted)
  end
  local tag, message, code = connection:get_tag(wanted)
  if tag then
    context:check(book:remember_tag(tag))
    return among(context, book, tag.id)
  elseif code ~= "ENOTFOUND" and code ~= "EPLATFORM" then
    context:fail(message, code)
  end
  return nil
end

-- Adds what is in a folder, as far as it is known, right behind it.
local function add_children(targets, seen, tags, folder)
  local children = {}
  for _, tag in ipairs(tags) do
    if tag.folder == folder.id then
      children[#children + 1] = tag.name
      if not seen[tag.id] then
        seen[tag.id] = true
        targets[#targets + 1] = tag
        if tag.kind == "folder" then
          add_children(targets, seen, tags, tag)
        end
      end
    end
  end
  folder.children = children
end

-- What is to be deleted, in order: a folder before what it holds, for it takes that along.
local function targets_of(context, options, book)
  local named, seen, targets = {}, {}, {}
  for _, wanted in ipairs(options.tags) do
    local target = among(context, book, wanted) or at_platform(context, options.to, book, wanted)
      or tagging.unknown(context, book, options.to, wanted)
    named[#named + 1], target.given = target, true
  end
  local tags = context:check(book:tags())
  for _, kind in ipairs({ "folder", "tag" }) do
    for _, target in ipairs(named) do
      if target.kind == kind and not seen[target.id] then
        seen[target.id] = true
        targets[#targets + 1] = target
        if kind == "folder" then
          add_children(targets, seen, tags, target)
        end
      end
    end
  end
  return targets
end

-- Counts who has each tag while the pages come: on every page and channel of the bot, since a deleted tag
-- is gone from them all.
local function counter()
  local holders = {}
  return holders, function(users)
    for _, user in ipairs(users) do
      for _, tag in ipairs(user.tags or {}) do
        holders[tag.id] = (holders[tag.id] or 0) + 1
      end
    end
  end
end

local function measure(context, options, targets, holders)
  local connection = context:connection(options.to)
  for _, target in ipairs(targets) do
    -- Folders: no platform that has any shows all that they hold.
    target.shown = target.kind == "folder" and connection:can("list_tags")
    if target.kind == "tag" and (holders[target.id] or connection:can("user_tags", target.id)) then
      target.holders = holders[target.id] or 0
    end
  end
  return guards.check_deletion(targets, guards.limits(nil, context:settings(options.to).guards))
end

local function show(context, options, targets, refusals)
  context:print(("delete at %s:"):format(context:account(options.to)))
  local rows = {}
  for i, target in ipairs(targets) do
    local text
    if target.kind == "folder" then
      text = ("holds %s that Tagua knows of"):format(
        #target.children == 0 and "nothing" or terminal.number(#target.children))
    elseif not target.holders then
      text = "who has it is not shown"
    else
      text = ("%s %s it"):format(target.holders == 0 and "nobody" or terminal.count(target.holders, "user"),
        target.holders < 2 and "has" or "have")
    end
    rows[i] = { "- " .. terminal.visible(target.name), target.kind,
      target.folder_name and "in " .. terminal.visible(target.folder_name) or "", text }
  end
  for _, line in ipairs(terminal.columns(rows, nil, { [1] = 40, [3] = 32 })) do
    context:print(context.paint("red", line))
  end
  for _, refusal in ipairs(refusals) do
    context:print(context.paint("yellow", ("! guard %s: %s"):format(refusal.guard, terminal.visible(refusal.message))))
  end
end

local function tell(context, options, targets, refusals, outcome)
  if not options.json then
    for _, line in ipairs(require("tagua.report").outcome(outcome, context.paint)) do
      context:print(line)
    end
    return
  end
  local json = require("tagua.json")
  local answer = require("tagua.command.told").outcome(outcome)
  answer.connection, answer.delete, answer.guards = options.to, {}, {}
  for i, target in ipairs(targets) do
    answer.delete[i] = { id = target.id, name = target.name, kind = target.kind, folder = target.folder,
      holders = target.holders, children = target.children and json.array(target.children) }
  end
  for i, refusal in ipairs(refusals) do
    answer.guards[i] = { guard = refusal.guard, message = refusal.message }
  end
  answer.delete, answer.guards = json.array(answer.delete), json.array(answer.guards)
  context:json(answer)
end

return {
  name = "delete",
  summary = "delete tags and folders at the platform",
  description = "Deletes tags and folders at the platform, which takes the tags off everybody and, with a"
    .. " folder, deletes what is in it. Pulls first, shows what would be lost, asks. A tag that users have,"
    .. " and a folder that has children, is refused unless --force says so. It can't be undone. The next"
    .. " apply of rules that want such a tag creates it again.",
  examples = { "tagua delete \"Summer 2025\" --to shop", "tagua delete Value --force children --force holders" },
  catches_signals = true,
  define = function(parser)
    parser:argument("tags", "The name or the id of a tag or a folder."):argname("TAG"):args("+")
    parser:option("--to", "The connection (local)."):argname("CONNECTION")
      :convert(values.connection):default("local"):show_default(false)
    parser:flag("-y --yes", "Go on without being asked.")
    guarding.define(parser, guards.deletion_names)
  end,

  run = function(context, options)
    local sending, pulling = require("tagua.command.sending"), require("tagua.command.pulling")
    local name = options.to
    sending.ensure_open(context, name)
    require("tagua.command.sender").become(context, name)
    context:connection(name)
    sending.recover(context, name)
    local book = context:book(name)
    local holders, count = counter()
    context:note(pulling.told(name, pulling.pull(context, name, count)))
    local targets = targets_of(context, options, book)
    local refusals = measure(context, options, targets, holders)
    local run = context:check(book:plan({ kind = "delete", at = context:now() }))
    sending.discard_unsent(context, run)
    for _, target in ipairs(targets) do
      context:check(run:add_deletion(target.id))
    end
    context:check(run:ready())
    if not options.json then
      show(context, options, targets, refusals)
    end
    guarding.ask(context, options, { refusals = refusals })
    context:confirm(("delete %s at %s? It can't be undone"):format(
      terminal.count(#targets, "tag or folder", "tags and folders"), context:account(name)))
    local outcome = sending.send(context, name, run, { creations = {} })
    tell(context, options, targets, refusals, outcome)
    return sending.answer(context, outcome)
  end,
}
