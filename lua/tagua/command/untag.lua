--- tagua untag: takes one tag off one user.
local tagging = require("tagua.command.tagging")

return {
  name = "untag",
  summary = "take one tag off one user",
  description = "Takes one tag off one user, and keeps it in the ledger as a run of its own.",
  examples = { "tagua untag U21ab30ccce78feb456048adeb80cf00a VIP --to shop" },
  catches_signals = true,
  define = function(parser) tagging.define(parser, false) end,
  run = function(context, options) return tagging.run(context, options, "untag") end,
}
