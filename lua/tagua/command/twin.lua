--- tagua twin: the server that answers as the platforms do, and its tokens.
local token = require("tagua.command.twin_token")
local values = require("tagua.command.values")

-- Whether only this machine can reach an address.
local function is_private(address)
  return address:match("^unix:") or address:match("^127%.") or address:match("^%[::1%]")
    or address:match("^localhost:")
end

local serve = {
  name = "serve",
  summary = "answer as the platforms do, until interrupted",
  description = "Serves the platforms' own paths, over a store of its own."
    .. " Prints one line when it is ready; SIGTERM or SIGINT ends it.",
  examples = {
    "tagua twin serve --listen 127.0.0.1:8642 --store twin.db",
    "tagua twin serve --listen unix:/run/twin.sock --store twin.db --rate 10 --faults storm.json",
  },
  catches_signals = true,
  define = function(parser)
    parser:option("--listen", "ADDRESS:PORT (port 0: any free one) or unix:PATH."):argname("WHERE")
      :default("127.0.0.1:8642")
    token.store_option(parser)
    parser:option("--faults", "A JSON file that says what goes wrong and when."):argname("FILE")
    parser:option("--rate", "Requests a second for each token; more are answered with 429.")
      :argname("N"):convert(values.positive("--rate"))
    parser:flag("--strict-users", "Refuse users that the store does not know.")
  end,

  run = function(context, options)
    local twin = context:keep(context:check(require("tagua.twin").open({
      store = options.store,
      address = options.listen,
      faults = options.faults,
      rate = options.rate and { per_second = options.rate },
      strict_users = options.strict_users or false,
    })))
    local address = twin:address()
    if not is_private(address) then
      context:note("tagua: others can reach this address, and HTTP shows them the tokens;"
        .. " put a server with TLS in front")
    end
    context:print("tagua: twin listening on " .. (address:match("^unix:") and "" or "http://") .. address)
    context:flush()
    context:check(twin:run(function()
      return context:interrupted()
    end))
  end,
}

return {
  name = "twin",
  summary = "the server that answers as the platforms do, and its tokens",
  examples = {
    "tagua twin token add --bot bot-1 --store twin.db",
    "tagua twin serve --listen 127.0.0.1:8642 --store twin.db",
  },
  commands = { serve, token.command },
}
