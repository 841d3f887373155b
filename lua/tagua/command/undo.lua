--- tagua undo: takes back what a run did.
local again = require("tagua.command.again")
local tagging = require("tagua.command.tagging")

return {
  name = "undo",
  summary = "take back what a run did and nobody has touched since",
  description = "Plans the reverse of a run, asks, and carries it out. Left out is what somebody has"
    .. " touched since, and what somebody else may have done. Tags that the run created stay. The next"
    .. " apply of the same rules does it all again: change them first.",
  examples = { "tagua undo 12", "tagua undo 12 --tag VIP --yes" },
  catches_signals = true,
  define = function(parser)
    again.define(parser)
    parser:option("--tag", "This tag alone, by its name or id."):argname("TAG")
  end,

  run = function(context, options)
    return again.run(context, options, "undo", function(run, book, name)
      local tag
      if options.tag then
        tag = tagging.known_tag(context, book, options.tag) or tagging.unknown(context, book, name, options.tag)
      end
      local left_out = context:check(run:undo(options.run, tag and tag.id))
      return {
        { left_out.touched, "left out, since it changed nothing, or somebody has touched it since: %s" },
        { left_out.unattributed, "left out, since the answer was lost and somebody else may have done it: %s" },
      }
    end)
  end,
}
