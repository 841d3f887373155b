--- Checks the options of a connection, whichever file or program they come from. Pure but for the
-- questions whether a value is a secret and which time zones there are.
-- @module tagua.settings
local core = require("tagua.core")
local guards = require("tagua.guards")
local hours = require("tagua.hours")
local options = require("tagua.options")
local platforms = require("tagua.platform")
local serving = require("tagua.serving")
local url = require("tagua.url")

local M = {}

--- The platform that needs no account: a twin inside the process.
M.LOCAL = "local"

-- What a connection's name may be: it is typed after an @ and named in messages.
local function check_name(name)
  if name:find("[%c%s/@]") or not utf8.len(name) then
    return "must be a word without blanks, slashes or @"
  end
  return nil
end

local function check_url(value)
  local scheme, complaint = url.parse(value)
  if not scheme then return complaint end
  return nil
end

local function positive(value)
  if value <= 0 then return "must be more than 0, got " .. tostring(value) end
  return nil
end

local function check_hours(value)
  local _, complaint = hours.parse(value)
  return complaint
end

local function check_zone(name)
  local _, message = core.zone.open(name)
  return message and ("must be a time zone: " .. message)
end

local function check_prices(prices)
  for name, price in pairs(prices) do
    if type(name) ~= "string" then
      return ('must name tags: { ["VIP"] = 0.2 }, got the key %s'):format(options.quote(name))
    elseif not math.type(price) or price ~= price or price < 0 or price > 1e9 then
      return ("has to be a number from 0 for '%s', got %s"):format(name, options.quote(price))
    end
  end
  return nil
end

local RATE = {
  per_second = { type = "number", check = positive, max = 100000 },
  burst = { type = "integer", min = 1, max = 100000 },
  adaptive = { type = "boolean" },
  at_most = { type = "number", check = positive, max = 100000 },
}

-- Options that a connection to any platform has. Times are seconds.
local COMMON = {
  name = { type = "string", min = 1, max = 100, check = check_name },
  platform = { type = "string", required = true },
  url = { type = "string", min = 1, max = 1000, check = check_url },
  insecure_http = { type = "boolean", default = false },
  ca_file = { type = "string", min = 1, max = 4000 },
  rate = { type = "table", fields = RATE },
  in_flight = { type = "integer", min = 1, max = 256, default = 16 },
  timeout = { type = "number", check = positive, max = 3600, default = 30 },
  connect_timeout = { type = "number", check = positive, max = 3600, default = 10 },
  attempts = { type = "integer", min = 1, max = 100, default = 5 },
  give_up_after = { type = "number", check = positive, max = 7 * 86400, default = 600 },
  quarantine = { type = "number", min = 0, max = 86400 },
  guards = { type = "table", fields = guards.connection_options },
  hours = { type = "string", check = check_hours },
  zone = { type = "string", min = 1, max = 100, check = check_zone, default = "Asia/Taipei" },
  message_cost = { type = "table", check = check_prices },
  ledger = { type = "string", min = 1, max = 4000 },
  hooks = serving.hooks,
  conflicts = { type = "string", one_of = { "console_wins", "rules_win" }, default = "console_wins" },
}

-- Options of the local connection. The account is made up, so it has defaults.
local LOCAL = {
  as = { type = "string", one_of = platforms.local_names, default = "botbonnie" },
  store = { type = "string", min = 1, max = 4000, default = "tagua-local.db" },
  limit = {
    type = "table",
    fields = {
      per_second = { type = "number", required = true, check = positive, max = 100000 },
      burst = { type = "integer", min = 1, max = 100000 },
    },
  },
  faults = { type = { "string", "table" } },
}

--- The options that every connection has, and those of the local one.
-- @treturn table their declarations by name
-- @treturn table
function M.options() return COMMON, LOCAL end

local function declaration(platform, is_local)
  local all = {}
  for _, part in ipairs({ COMMON, is_local and LOCAL or {} }) do
    for name, rule in pairs(part) do
      all[name] = rule
    end
  end
  for name, rule in pairs(platform.options) do
    if rule.secret then
      all[name] = not is_local and { accept = serving.accept_secret, required = rule.required } or nil
    elseif rule.path then
      all[name] = not is_local and { accept = serving.accept_path } or nil
    elseif rule.remote then
      all[name] = not is_local and rule or nil
    elseif is_local and platform.local_account[name] then
      local softened = {}
      for key, value in pairs(rule) do
        softened[key] = value
      end
      softened.required, softened.default = nil, platform.local_account[name]
      all[name] = softened
    else
      all[name] = rule
    end
  end
  return all
end

-- Which platform the options mean -> its module, whether it is the local twin; or nil, complaint.
local function find_platform(given)
  local known = { M.LOCAL, table.unpack(platforms.names) }
  if given.platform == nil then
    return nil, ("option 'platform' is missing: one of %s"):format(table.concat(known, ", "))
  end
  local rule = { platform = { type = "string", one_of = known } }
  local checked, complaint = options.verify("", { platform = given.platform }, rule)
  if not checked then return nil, complaint:sub(#": " + 1) end
  if given.platform ~= M.LOCAL then return platforms.get(given.platform), false end
  checked, complaint = options.verify("", { as = given.as }, { as = LOCAL.as })
  if not checked then return nil, complaint:sub(#": " + 1) end
  return platforms.get(checked.as), true
end

-- Requests a second where the options say nothing: unknown limits are kept to. The local twin has
-- none, and commits together what comes together: a burst keeps its disk from setting the pace.
local DEFAULT_RATE, LOCAL_RATE, LOCAL_BURST = 5, 2000, 64

--- Checks the options of a connection.
-- @tparam string what what the message begins with: `connect`, `connection 'shop'`
-- @tparam table given as the user wrote them
-- @treturn table|nil settings: the options with their defaults, and
--   `vendor` (the platform's module), `identity` (what its requests have in common),
--   `is_local`, `name`
-- @treturn string what is wrong
function M.verify(what, given)
  if type(given) ~= "table" then
    return nil, ("%s: options must be a table, got %s"):format(what, options.quote(given))
  end
  local vendor, is_local = find_platform(given)
  if not vendor then return nil, ("%s: %s"):format(what, is_local) end
  local settings, complaint = options.verify(what, given, declaration(vendor, is_local))
  if not settings then return nil, complaint end
  if settings.url then
    local scheme, host = url.parse(settings.url)
    if is_local then
      return nil, ("%s: option 'url' has no place in a local connection: it is inside the process"):format(what)
    elseif url.is_open(scheme, host) and not settings.insecure_http then
      return nil,
        ("%s: option 'url': %s would carry the token in the clear; use https://, or say insecure_http = true"):format(
          what,
          options.quote(settings.url)
        )
    end
  end
  complaint = not is_local and vendor.complain and vendor.complain(settings)
  if complaint then return nil, ("%s: %s"):format(what, complaint) end
  local identity
  identity, complaint = vendor.identity(settings)
  if not identity then return nil, ("%s: %s"):format(what, complaint) end
  settings.vendor, settings.identity, settings.is_local = vendor, identity, is_local
  settings.name = settings.name or settings.platform
  -- A slash at the end of the address would be one too many before the path.
  settings.url = settings.url and not settings.url:find("^unix:") and settings.url:gsub("/+$", "") or settings.url
  settings.rate = settings.rate or {}
  if is_local and not settings.rate.per_second then
    settings.rate.per_second, settings.rate.burst = LOCAL_RATE, settings.rate.burst or LOCAL_BURST
  end
  settings.rate.per_second = settings.rate.per_second or DEFAULT_RATE
  -- Until this long after a lost answer the platform may still carry the request out.
  settings.quarantine = settings.quarantine or settings.timeout
  return settings
end

--- What a connection is to a ledger, whatever it is called.
-- @tparam table settings
-- @tparam string name what it is called
-- @treturn table `name`, `platform`, `bot`, `page`, `channel`
function M.account(settings, name)
  return {
    name = name,
    -- Every local store is a platform of its own: what one holds says nothing of another.
    platform = settings.is_local and ("%s in %s"):format(settings.vendor.name, settings.store) or settings.platform,
    bot = settings.bot,
    page = settings.page or "",
    channel = settings.identity.channel_word or settings.channel or "",
  }
end

return M
