--- tagua pull: the platform into the mirror.
local values = require("tagua.command.values")

return {
  name = "pull",
  summary = "bring a connection's users and their tags into the mirror",
  description = "Reads every user of a connection, with tags and parameters, into the ledger's mirror."
    .. " The first plan on a connection does it by itself; pull again when people change tags in"
    .. " the console.",
  examples = { "tagua pull shop" },
  catches_signals = true,
  define = function(parser)
    parser:argument("connection", "The connection (local)."):argname("CONNECTION"):args("?")
      :convert(values.connection)
  end,

  run = function(context, options)
    local name = options.connection or "local"
    local sums, seconds = require("tagua.command.pulling").pull(context, name)
    if options.json then
      sums.connection, sums.seconds = name, seconds
      context:json(sums)
    else
      context:print(require("tagua.command.pulling").told(name, sums, seconds))
    end
  end,
}
