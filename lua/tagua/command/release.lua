--- tagua release: gives a user's tag back to the rules.
local tagging = require("tagua.command.tagging")
local terminal = require("tagua.terminal")

return {
  name = "release",
  summary = "leave a user's tag to the rules again",
  description = "What somebody put on or took off in the console stays so. This gives one tag of one user"
    .. " back to the rules: the next plan does with it what they want.",
  examples = { "tagua release U21ab30ccce78feb456048adeb80cf00a VIP --to shop" },
  define = function(parser) tagging.define(parser, false) end,

  run = function(context, options)
    local book = context:book(options.to)
    local tag = tagging.known_tag(context, book, options.tag)
      or tagging.unknown(context, book, options.to, options.tag)
    local count = context:check(book:release(options.user, tag.id))
    if options.json then
      context:json({ connection = options.to, user = options.user, tag = tag.name, released = count })
    else
      context:print((count > 0 and "%s on %s is left to the rules from the next plan on"
        or "%s on %s was not the console's: there was nothing to release"):format(
        terminal.visible(tag.name), terminal.visible(options.user)))
    end
  end,
}
