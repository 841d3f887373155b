--- tagua adopt: makes a tag that was there before Tagua the rules' to take off; or writes a rule file for
-- all tags of a connection.
local core = require("tagua.core")
local tagging = require("tagua.command.tagging")
local terminal = require("tagua.terminal")
local values = require("tagua.command.values")

-- The connection that is meant instead of a tag: @shop, or shop where no tag has that name.
local function connection_named(context, options)
  local name = options.tag:match("^@(.+)$")
  if name then
    return name
  end
  local is_known = core.system.file_kind(context.ledger_path)
    and tagging.known_tag(context, context:book(options.to), options.tag)
  return not is_known and context:connections()[options.tag] and options.tag
end

-- Prints a rule file with the tags of a connection.
local function print_skeleton(context, options, name)
  require("tagua.command.pulling").ensure(context, name, options.refresh)
  local book = context:book(name)
  local tags, sizes = context:check(book:tags()), context:check(book:tag_sizes())
  for _, tag in ipairs(tags) do
    tag.users = sizes[tag.id] and sizes[tag.id].users or 0
  end
  local text, count, without = require("tagua.skeleton").text(context:account(name), tags, os.date("%Y-%m-%d"))
  if options.json then
    return context:json({ connection = name, rules = text, tags = count, without = without })
  end
  context:write(text)
  context:note(("a rule file with %s; write it to a file: tagua adopt @%s > rules.lua"):format(
    terminal.count(count, "tag"), name))
end

return {
  name = "adopt",
  summary = "leave a tag that others put on users to the rules",
  description = "Tags that were on users at the first pull, or that people put on in the console, are never"
    .. " taken off. This makes one tag Tagua's own on everybody who has it; adopt = true in its rule does"
    .. " so for what was there at the first pull.",
  examples = { "tagua adopt VIP --to shop", "tagua adopt @shop > rules.lua" },
  define = function(parser)
    parser:argument("tag", "The tag's name or id; or @CONNECTION, for a rule file with a rule for each of its"
      .. " tags, on standard output."):argname("TAG")
    parser:flag("--refresh", "With @CONNECTION: pull first, even where that was done before.")
    parser:option("--to", "The connection (local)."):argname("CONNECTION")
      :convert(values.connection):default("local"):show_default(false)
  end,

  run = function(context, options)
    local name = connection_named(context, options)
    if name then
      return print_skeleton(context, options, name)
    end
    local book = context:book(options.to)
    local tag = tagging.known_tag(context, book, options.tag)
      or tagging.unknown(context, book, options.to, options.tag)
    local count = context:check(book:adopt(tag.id))
    if options.json then
      context:json({ connection = options.to, tag = tag.name, adopted = count })
    else
      context:print(("%s is left to the rules on %s more"):format(terminal.visible(tag.name),
        terminal.count(count, "user")))
    end
  end,
}
