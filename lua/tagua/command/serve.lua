--- tagua serve: events in, rules run, tags out, until it is told to stop.
local nearest = require("tagua.nearest")
local values = require("tagua.command.values")

local function part(text)
  local kinds = require("tagua.serve.part").kinds
  if kinds[text] then return text end
  return nil, ("--part takes intake or keeper, got '%s'%s"):format(text, nearest.hint(text, kinds))
end

return {
  name = "serve",
  summary = "take events in, run the rules, put the tags on, all day",
  description = "Takes events from LINE, Meta, BotBonnie and your own systems, keeps what the rules need to know, and"
    .. " tags; and sends what other programs on this machine hand to it. connections.lua says where it listens and"
    .. " whose events it takes. Reads the rules again when they change or SIGHUP comes, if their tests pass;"
    .. " SIGTERM and SIGINT let it finish what is under way, a second one ends it at once.",
  examples = {
    "tagua serve --rules rules.lua",
    "tagua serve --rules rules.lua --to shop-line --to shop-fb",
  },
  catches_signals = true,
  define = function(parser)
    parser:option("--rules", "The rule file."):argname("FILE"):count(1)
    parser:option("--to", "A connection whose events are taken; several times for several. Unless told, those with"
      .. " hooks, or the only one there is."):argname("CONNECTION"):convert(values.connection):count("*")
    parser:option("--part", "For tagua serve itself: one of the processes that it is made of."):argname("PART")
      :convert(part):hidden(true)
  end,

  run = function(context, options)
    collectgarbage("incremental", 200) -- what runs all day keeps its memory small; other commands are soon over
    context:connections()
    if options.part then return require("tagua.serve.part").run(context, options) end
    return require("tagua.serve.owner").run(context, options)
  end,
}
