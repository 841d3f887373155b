--- tagua tag: puts one tag on one user.
local tagging = require("tagua.command.tagging")

return {
  name = "tag",
  summary = "put one tag on one user",
  description = "Puts one tag on one user, and keeps it in the ledger as a run of its own.",
  examples = {
    "tagua tag U21ab30ccce78feb456048adeb80cf00a VIP --to shop",
    "tagua tag U21ab30ccce78feb456048adeb80cf00a \"New tag\" --create",
  },
  catches_signals = true,
  define = function(parser) tagging.define(parser, true) end,
  run = function(context, options) return tagging.run(context, options, "tag") end,
}
