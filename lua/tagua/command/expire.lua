--- tagua expire: takes off the tags whose time is over.
local values = require("tagua.command.values")

return {
  name = "expire",
  summary = "take off the tags whose time is over",
  description = "Takes off every tag that was put on for a time (lasts, ends) which is over now. Needs no"
    .. " rules and no users, so that it can run from cron each hour; every apply does it first, too.",
  examples = { "tagua expire --to shop" },
  catches_signals = true,
  define = function(parser)
    parser:option("--to", "The connection (local)."):argname("CONNECTION")
      :convert(values.connection):default("local"):show_default(false)
  end,

  run = function(context, options)
    local sending = require("tagua.command.sending")
    sending.ensure_open(context, options.to)
    require("tagua.command.sender").become(context, options.to)
    context:connection(options.to)
    sending.recover(context, options.to)
    local outcome = require("tagua.command.expiring").run(context, options.to)
    if options.json then
      context:json(require("tagua.command.told").outcome(outcome or { state = "done", sums = {
        planned = 0, done = 0, failed = 0, skipped = 0, left = 0, unattributed = 0, ambiguous = 0,
      } }))
    elseif outcome then
      for _, line in ipairs(require("tagua.report").outcome(outcome, context.paint)) do
        context:print(line)
      end
    else
      context:print("nothing is due")
    end
    return outcome and sending.answer(context, outcome)
  end,
}
