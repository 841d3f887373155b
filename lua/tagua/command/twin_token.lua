--- tagua twin token: who may use a twin. A token is shown once, when it is made; the store keeps its
-- hash alone.
local core = require("tagua.core")
local terminal = require("tagua.terminal")

local M = {}

--- The option that says which store is meant.
-- @param parser
function M.store_option(parser)
  parser:option("--store", "Where the twin keeps everything (tagua-twin.db)."):argname("FILE")
    :default("tagua-twin.db"):show_default(false)
end

local function open_store(context, options, may_be_new)
  if not may_be_new and not core.system.file_kind(options.store) then
    context:fail(("there is no store '%s': tagua twin token add makes one"):format(options.store), "ECONFIG")
  end
  return context:keep(context:check(require("tagua.twin.store").open(options.store)))
end

local function date(milliseconds)
  return os.date("!%Y-%m-%d %H:%M UTC", milliseconds // 1000)
end

local add = {
  name = "add",
  summary = "make a token for a bot and print it, once",
  description = "Makes a token and prints it, once: the store keeps its hash alone.",
  examples = {
    "tagua twin token add --bot bot-1 --store twin.db > token && chmod 600 token",
    "tagua twin token add --pair --bot lNbWoobyg --store twin.db | tagua token set shop-mg",
  },
  define = function(parser)
    parser:option("--bot", "The bot that the token belongs to."):argname("BOT"):count(1)
    parser:flag("--pair", "MantaGo's kind: a token and a secret, in two lines, for 30 days."
      .. " The pair that the bot had before is dead.")
    M.store_option(parser)
  end,

  run = function(context, options)
    local store = open_store(context, options, true)
    if options.pair then
      local pairs_of_bots = require("tagua.twin.pairs")
      store:define(pairs_of_bots.statements)
      local made = context:check(store:change(function() return pairs_of_bots.issue(store, options.bot) end))
      -- Not through context:print, which would take a secret for one that slipped out.
      context.out:write(made.token, "\n", made.secret, "\n")
      return
    end
    local secret = context:keep(context:check(core.secret.random()))
    local bot = context:check(require("tagua.json").encode(options.bot))
    context:check(store:add_token(secret:sha256(), { bot = options.bot }))
    if options.json then -- the value never comes into Lua, and is hexadecimal: nothing in it to escape
      context:check(secret:print(('{"bot":%s,"token":"'):format(bot), '"}'))
    else
      context:check(secret:print())
    end
  end,
}

local list = {
  name = "list",
  summary = "list the tokens, without what they are",
  examples = { "tagua twin token list --store twin.db" },
  define = M.store_option,

  run = function(context, options)
    local tokens = open_store(context, options):tokens()
    if options.json then
      local json = require("tagua.json")
      local told = {}
      for i, token in ipairs(tokens) do
        told[i] = { id = token.id, bot = token.bot, created = token.created, expires = token.expires }
      end
      context:json({ tokens = json.array(told) })
      return
    end
    local rows = { { "id", "bot", "created", "expires" } }
    for _, token in ipairs(tokens) do
      rows[#rows + 1] = { token.id, terminal.visible(token.bot), date(token.created),
        token.expires and date(token.expires) or "never" }
    end
    for i, line in ipairs(#tokens > 0 and terminal.columns(rows) or {}) do
      context:print(i == 1 and context.paint("dim", line) or line)
    end
    context:print(terminal.count(#tokens, "token"))
  end,
}

local remove = {
  name = "remove",
  summary = "shut a token out",
  examples = { "tagua twin token remove 3fb2a90c1d44 --store twin.db" },
  define = function(parser)
    parser:argument("id", "The token's id, as list shows it."):argname("ID")
    M.store_option(parser)
  end,

  run = function(context, options)
    context:check(open_store(context, options):remove_token(options.id))
    if options.json then
      context:json({ removed = options.id })
    else
      context:print("removed " .. terminal.visible(options.id))
    end
  end,
}

--- The command with its own commands.
M.command = {
  name = "token",
  summary = "who may use a twin",
  examples = { "tagua twin token add --bot bot-1 --store twin.db", "tagua twin token list --store twin.db" },
  commands = { add, list, remove },
}

return M
