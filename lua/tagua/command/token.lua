--- tagua token: the credentials of a connection: how old, until when, and new ones. Shows none of them, but for
-- the admin token of tagua serve, whose only use is to be typed by a person.
local core = require("tagua.core")
local terminal = require("tagua.terminal")
local values = require("tagua.command.values")

local DAY = 86400

local function date(seconds) return os.date("!%Y-%m-%d %H:%M UTC", seconds) end

-- "in 12 days", "3 hours ago".
local function distance(seconds)
  local far = math.abs(seconds)
  if far < 60 then return "now" end
  local text = far >= 2 * DAY and terminal.count((far + 60) // DAY, "day")
    or far >= 7200 and terminal.count(far // 3600, "hour")
    or terminal.count(far // 60, "minute")
  return seconds < 0 and text .. " ago" or "in " .. text
end

local function connection_argument(parser)
  parser:argument("connection", "The connection."):argname("CONNECTION"):convert(values.connection)
end

-- The settings of a connection whose platform gives pairs, with a file to keep one in.
local function with_pair(context, name)
  local settings = context:settings(name)
  if not settings.vendor.pair then
    context:fail(("connection '%s': the token of %s does not expire by itself; for a new one, %s"):format(
      name, settings.vendor.title, settings.vendor.token_help), "EUNSUPPORTED")
  elseif not settings.pair then
    context:fail(("connection '%s' names no file for the pair: give it pair = file \"%s.pair\" in place of token"
      .. " and secret"):format(name, name), "ECONFIG")
  end
  return settings
end

local function tell_times(context, options, times, settings)
  local now = os.time()
  if options.json then
    context:json({ connection = options.connection, stored = times.stored, issued = times.issued,
      expires = times.expires, seconds_left = times.expires and times.expires - now, rotate = settings.rotate or false,
      cut_off = times.cut_off })
    return
  end
  context:print(context:account(options.connection))
  local function line(label, seconds, more)
    if not seconds then return end
    context:print(("  %-9s%s (%s)%s"):format(label, date(seconds), distance(seconds - now), more or ""))
  end
  line("stored", times.stored)
  line("issued", times.issued)
  line("expires", times.expires, settings.rotate and "; replaced before that" or "")
  line("cut off", times.cut_off, ": a refresh whose answer never came to disk; the next request shows whether the"
    .. " pair is still good")
  if not times.expires then context:print("  the token does not say when it expires") end
end

local show = {
  name = "show",
  summary = "how old a connection's credentials are and when they expire, never what they are",
  examples = { "tagua token show shop-mg" },
  define = connection_argument,

  run = function(context, options)
    local settings = context:settings(options.connection)
    if settings.is_local then
      context:fail("the local connection makes its credentials up each time", "EUNSUPPORTED")
    end
    local connection = context:connection(options.connection)
    local times = connection.pair and connection.pair:times() or { expires = (connection:expires()) }
    tell_times(context, options, times, settings)
  end,
}

local refresh = {
  name = "refresh",
  summary = "exchange the pair for a new one, which kills the old one for every other program",
  description = "Asks the platform for a new pair and keeps it in the connection's file. Every other program"
    .. " of that bot has to take the new one. Where another process did it meanwhile, nothing is sent.",
  examples = { "tagua token refresh shop-mg", "tagua token refresh shop-mg --yes" },
  define = function(parser)
    connection_argument(parser)
    parser:flag("-y --yes", "Go on without being asked.")
  end,

  run = function(context, options)
    local name = options.connection
    local settings = with_pair(context, name)
    local connection = context:connection(name)
    if not settings.rotate then
      context:confirm(("replace the pair of %s? Every other program of that bot stops until it has the new"
        .. " one."):format(context:account(name)))
    end
    local done, message, code = connection.pair:refresh()
    if not done then
      if code == "EAUTH" then message = ("%s: %s"):format(message, settings.vendor.token_help) end
      context:fail(("connection '%s': %s"):format(name, message), code)
    end
    if not options.json then
      context:print(done == "rotated" and "a new pair is in " .. settings.pair
        or "another process had put a new pair into " .. settings.pair)
    end
    tell_times(context, options, connection.pair:times(), settings)
  end,
}

-- One half: from where the options say, else a line of standard input.
local function half(context, options, name, label)
  local path, variable = options[name .. "_file"], options[name .. "_env"]
  if path and variable then
    context:fail(("give --%s-file or --%s-env, not both"):format(name, name), "EUSAGE")
  end
  local secret, message, code
  if path then
    secret, message, code = core.secret.file(path)
  elseif variable then
    secret, message, code = core.secret.env(variable)
  else
    secret, message, code = core.pair.ask(label .. ": ", label)
  end
  return context:keep(context:check(secret, message, code))
end

local set = {
  name = "set",
  summary = "keep a pair that was made in the console",
  description = "Reads the token and the secret, from files, from environment variables, or one after the"
    .. " other from standard input (a terminal does not show them), and keeps them in the connection's file,"
    .. " which nobody but its owner can read. There is no option that takes them from the command line.",
  examples = {
    "tagua token set shop-mg",
    "tagua token set shop-mg --token-file token --secret-file secret",
    "printf '%s\\n%s\\n' \"$TOKEN\" \"$SECRET\" | tagua token set shop-mg",
  },
  define = function(parser)
    connection_argument(parser)
    parser:option("--token-file", "A file of mode 0600 with the API token."):argname("FILE")
    parser:option("--token-env", "The environment variable with the API token."):argname("NAME")
    parser:option("--secret-file", "A file of mode 0600 with the secret key."):argname("FILE")
    parser:option("--secret-env", "The environment variable with the secret key."):argname("NAME")
  end,

  run = function(context, options)
    local settings = with_pair(context, options.connection)
    local token = half(context, options, "token", "API token")
    local secret = half(context, options, "secret", "secret key")
    context:check(core.pair.store(settings.pair, { token = token, secret = secret }))
    local kept = context:keep(context:check(core.pair.open(settings.pair)))
    if not options.json then context:print("the pair is in " .. settings.pair) end
    tell_times(context, options, kept:times(), settings)
  end,
}

local page = {
  name = "page",
  summary = "print the address of tagua serve's page with its token",
  description = "Prints the address of the page of tagua serve, with the admin token that lets you in. Whoever has"
    .. " it sees every user; the browser keeps it for its tab alone. The token is made when it is first needed and"
    .. " kept in a file that nobody else can read; where connections.lua names one (admin_token), that counts, and"
    .. " only the address is printed.",
  examples = { "tagua token page" },

  run = function(context, options)
    local admin = require("tagua.serve.admin")
    context:connections()
    local serving = context.serving
    local at = (serving.admin:find("^unix:") and "" or "http://") .. serving.admin
    local secret = context:keep(context:check(admin.token(serving, context.getenv)))
    if serving.admin_token then
      if options.json then
        context:json({ page = at .. "/", token = secret:source() })
      else
        context:print(at .. "/")
        context:note("its token is in " .. secret:source())
      end
    elseif options.json then -- the value never comes into Lua, and is hexadecimal: nothing in it to escape
      context:check(secret:print(('{"page":"%s/#token='):format(at), '"}'))
    else
      context:check(secret:print(at .. "/#token="))
    end
  end,
}

return {
  name = "token",
  summary = "the credentials of a connection: how old they are, and new ones; and the page's",
  examples = { "tagua token show shop-mg", "tagua token refresh shop-mg", "tagua token page" },
  commands = { show, refresh, set, page },
}
