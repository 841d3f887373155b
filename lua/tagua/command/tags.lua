--- tagua tags: the tags and folders of a connection and how many users have each.
local nearest = require("tagua.nearest")
local terminal = require("tagua.terminal")
local values = require("tagua.command.values")

local function print_tags(context, name, tags)
  local rows, count = { { "tag", "folder", "users", "by tagua", "id" } }, 0
  for _, tag in ipairs(tags) do
    if tag.kind ~= "folder" then
      count = count + 1
      rows[#rows + 1] = {
        terminal.visible(tag.name),
        terminal.visible(tag.folder_name or ""),
        terminal.number(tag.users),
        terminal.number(tag.ours),
        terminal.visible(tag.id),
      }
    end
  end
  local sides = { [3] = "right", [4] = "right" }
  for i, line in ipairs(count > 0 and terminal.columns(rows, sides, { [1] = 40, [2] = 32 }) or {}) do
    context:print(i == 1 and context.paint("dim", line) or line)
  end
  context:print(("%s of %s"):format(terminal.count(count, "tag"), context:account(name)))
end

-- Creations whose answers were lost: nobody but a person can tell whether they exist.
local function print_lost(context, name, lost)
  for _, tag in ipairs(lost) do
    context:print(("%s the %s '%s' was asked for on %s and the answer was lost: look in the console; if it"
      .. " is not there, tagua tags %s --forget '%s'"):format(context.paint("yellow", "!"), tag.kind,
      terminal.visible(tag.name), os.date("!%Y-%m-%d at %H:%M UTC", tag.at), name,
      terminal.visible(tag.name)))
  end
end

-- After a person has looked: the name may be asked for again.
local function forget(context, name, wanted)
  local book, count = context:book(name), 0
  for _, kind in ipairs({ "tag", "folder" }) do
    count = count + context:check(book:forget_lost(wanted, kind))
  end
  if count == 0 then
    local names = {}
    for i, tag in ipairs(context:check(book:lost_tags())) do
      names[i] = tag.name
    end
    context:fail(("no request for '%s' was lost%s"):format(wanted, nearest.hint(wanted, names)), "ENOTFOUND")
  end
  context:note(("forgot the lost request for '%s': the next apply that needs it creates it"):format(
    terminal.visible(wanted)))
end

local function print_json(context, name, tags, lost)
  local json = require("tagua.json")
  local list = {}
  for i, tag in ipairs(tags) do
    list[i] = { id = tag.id, name = tag.name, kind = tag.kind, folder = tag.folder,
      folder_name = tag.folder_name, users = tag.users, ours = tag.ours }
  end
  local unanswered = {}
  for i, tag in ipairs(lost) do
    unanswered[i] = { name = tag.name, kind = tag.kind, at = tag.at }
  end
  context:json({ connection = name, tags = json.array(list), lost = json.array(unanswered) })
end

return {
  name = "tags",
  summary = "list the tags of a connection, and how many users have each",
  description = "Lists the tags and folders that the ledger knows of a connection, with the number of"
    .. " users that have each in the mirror. The first time it pulls.",
  examples = { "tagua tags shop", "tagua tags shop --refresh --json" },
  catches_signals = true,
  define = function(parser)
    parser:argument("connection", "The connection (local)."):argname("CONNECTION"):args("?")
      :convert(values.connection)
    parser:flag("--refresh", "Pull first, even where that was done before.")
    parser:option("--forget", "Forget that a tag of this name was asked for and never answered."
      .. " Look in the console first: it may exist."):argname("NAME")
  end,

  run = function(context, options)
    local name = options.connection or "local"
    if options.forget then
      forget(context, name, options.forget)
    end
    require("tagua.command.pulling").ensure(context, name, options.refresh)
    local book = context:book(name)
    local tags, sizes = context:check(book:tags()), context:check(book:tag_sizes())
    for _, tag in ipairs(tags) do
      local size = sizes[tag.id] or { users = 0, ours = 0 }
      tag.users, tag.ours = size.users, size.ours
    end
    local lost = context:check(book:lost_tags())
    if options.json then
      print_json(context, name, tags, lost)
    else
      print_tags(context, name, tags)
      print_lost(context, name, lost)
    end
  end,
}
