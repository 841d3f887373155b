--- tagua adopt: makes a tag that was there before Tagua the rules' to take off.
local tagging = require("tagua.command.tagging")
local terminal = require("tagua.terminal")
local values = require("tagua.command.values")

return {
  name = "adopt",
  summary = "leave a tag that others put on users to the rules",
  description = "Tags that were on users at the first pull, or that people put on in the console, are never"
    .. " taken off. This makes one tag Tagua's own on everybody who has it; adopt = true in its rule does"
    .. " so for what was there at the first pull.",
  examples = { "tagua adopt VIP --to shop" },
  define = function(parser)
    parser:argument("tag", "The tag's name or id."):argname("TAG")
    parser:option("--to", "The connection (local)."):argname("CONNECTION")
      :convert(values.connection):default("local"):show_default(false)
  end,

  run = function(context, options)
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
