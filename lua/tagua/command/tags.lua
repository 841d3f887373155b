--- tagua tags: the tags and folders of a connection and how many users have each.
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

local function print_json(context, name, tags)
  local json = require("tagua.json")
  local list = {}
  for i, tag in ipairs(tags) do
    list[i] = { id = tag.id, name = tag.name, kind = tag.kind, folder = tag.folder,
      folder_name = tag.folder_name, users = tag.users, ours = tag.ours }
  end
  context:json({ connection = name, tags = json.array(list) })
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
  end,

  run = function(context, options)
    local name = options.connection or "local"
    require("tagua.command.pulling").ensure(context, name, options.refresh)
    local book = context:book(name)
    local tags, sizes = context:check(book:tags()), context:check(book:tag_sizes())
    for _, tag in ipairs(tags) do
      local size = sizes[tag.id] or { users = 0, ours = 0 }
      tag.users, tag.ours = size.users, size.ours
    end
    if options.json then
      print_json(context, name, tags)
    else
      print_tags(context, name, tags)
    end
  end,
}
