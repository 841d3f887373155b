--- The words for where a rule file's events come from beside the platforms: hook (anybody's webhook), reply (what a
-- BotBonnie step is answered with) and poll (asking the platform). They check what they are given; a hook's function
-- is run here, too.
--
--    hook "orders" {
--      to     = "shop",                       -- the connection whose users these are; the only one served unless told
--      verify = hmac_sha256 { header = "X-Shop-Signature", secret = "shop", encoding = "base64" },
--      event  = function(body) return { user = body.line_id, type = "purchase", at = body.paid_at } end,
--    }
--
-- Runs inside the sandbox as part of the trusted prelude, and in the caller's own state.
-- @module tagua.rules.sources
local core = require("tagua.core")
local declarations = require("tagua.rules.declarations")
local flat = require("tagua.events.flat")
local moments = require("tagua.rules.moments")
local options = require("tagua.options")

local M = {}

local quote = options.quote
local getupvalue, setupvalue = debug.getupvalue, debug.setupvalue

local DEEPEST = 20 -- tables in a reply
local MOST_EVENTS = 1000 -- of one body
local SHORTEST_POLL = 60 -- seconds
local LONGEST_POLL = 7 * 86400
local MILLISECONDS_FROM = 100000000000 -- a number as large as that counts milliseconds, not seconds
local ENVELOPE = { user = true, type = true, at = true, id = true }
-- Paths of the listener that are the platforms'.
local TAKEN = { line = true, meta = true, botbonnie = true }

local SECRET = {
  type = "string", required = true, min = 1, max = 200,
  check = function(value)
    if not value:find("^[%w_.-]+$") then
      return "must be the name of one in serve { secrets } of connections.lua, never the secret itself"
    end
  end,
}

local HMAC = {
  header = {
    type = "string", required = true, min = 1, max = 200,
    check = function(value)
      if not value:find("^[%w_-]+$") then return "must be the name of a header, got " .. quote(value) end
    end,
  },
  secret = SECRET,
  encoding = { type = "string", one_of = { "hex", "base64" }, default = "hex" },
  prefix = {
    type = "string", max = 100, default = "",
    check = function(value)
      if value:find("[^\x20-\x7e]") then return "must be printable ASCII" end
    end,
  },
}
local BEARER = { secret = SECRET }

-- Values that `verify` takes: made by the words below, and by nothing else.
local made = setmetatable({}, { __mode = "k" })

local function verifier(language, word, declaration, more)
  return function(given)
    local checked, message = options.verify(word, given, declaration)
    if not checked then language:complain(message) end
    for name, value in pairs(more) do
      checked[name] = value
    end
    made[checked] = true
    return checked
  end
end

local HOOK = {
  to = { type = "string", min = 1, max = 200 },
  verify = {
    required = true,
    accept = function(value)
      if made[value] then return value end
      return nil,
        'must be hmac_sha256 { header = "...", secret = "..." }, hmac_sha1 { ... } or bearer { secret = "..." }'
    end,
  },
  event = { type = "function", required = true },
}

local function verified(language, declaration, given, allowed)
  local checked, message = options.verify(("%s '%s'"):format(declaration.word, declaration.name), given, allowed)
  if not checked then language:complain(message, declaration) end
  return checked
end

local function once(language, list, declaration)
  local before = list[declaration.name]
  if before then
    language:complain(("%s '%s' is written twice: it is in %s already"):format(declaration.word, declaration.name,
      language:place(before, declaration)), declaration)
  end
end

local function finish_hook(language, declaration, given)
  local name = declaration.name
  if TAKEN[name] or not name:find("^[%w_.-]+$") or name:find("^%.+$") then
    language:complain(("hook %s: its name is its path, /hooks/NAME: letters, digits, _, - and ., and not line, meta or "
      .. "botbonnie"):format(quote(name)), declaration)
  end
  once(language, language.hooks, declaration)
  local hook = verified(language, declaration, given, HOOK)
  hook.line, hook.file = declaration.line, declaration.file
  language.hooks[name] = hook
end

-- What of a value has no form in JSON; nothing where all of it has.
local function not_json(value, depth)
  local kind = type(value)
  if kind == "string" then
    return not utf8.len(value) and "a text that is not UTF-8" or nil
  elseif kind == "number" then
    return (value ~= value or value == math.huge or value == -math.huge) and "a number that is none" or nil
  elseif kind == "boolean" then
    return nil
  elseif kind ~= "table" then
    return "a " .. kind
  elseif depth == DEEPEST then
    return "tables nested too deeply, or in a circle"
  end
  local count = #value
  for key, item in pairs(value) do
    local fits = type(key) == "string" and utf8.len(key) and count == 0
      or math.type(key) == "integer" and key >= 1 and key <= count
    if not fits then return "a table that mixes a list with other keys" end
    local problem = not_json(item, depth + 1)
    if problem then return problem end
  end
  return nil
end

local function finish_reply(language, declaration, given)
  once(language, language.reply_places, declaration)
  local problem = not_json(given, 0)
  if problem then
    language:complain(("reply '%s': a message is what JSON can write, and this holds %s"):format(declaration.name,
      problem), declaration)
  end
  language.reply_places[declaration.name] = declaration
  language.replies[declaration.name] = given
end

local POLL = {
  every = {
    type = "string", required = true,
    check = function(value)
      local seconds = moments.duration(value)
      if not seconds or seconds < SHORTEST_POLL or seconds > LONGEST_POLL then
        return "must be a length of time from \"1m\" to \"7d\", such as \"15m\", got " .. quote(value)
      end
    end,
  },
}

local function declare_poll(language, given)
  if language.poll then language:complain("poll { } is written twice") end
  local checked, message = options.verify("poll", given, POLL)
  if not checked then language:complain(message) end
  language.poll = { every = moments.duration(checked.every) }
end

--- The words, for one language.
-- @tparam table language
-- @treturn {[string]=function}
function M.words(language)
  language.hooks, language.replies, language.reply_places = {}, {}, {}
  return {
    hook = declarations.declare(language, "hook", finish_hook),
    reply = declarations.declare(language, "reply", finish_reply),
    poll = function(given)
      declarations.loading(language, "poll")
      declare_poll(language, given)
    end,
    hmac_sha256 = verifier(language, "hmac_sha256", HMAC, { algorithm = "sha256" }),
    hmac_sha1 = verifier(language, "hmac_sha1", HMAC, { algorithm = "sha1" }),
    bearer = verifier(language, "bearer", BEARER, { bearer = true }),
  }
end

--- Makes what hooks can reach of the file read-only, as the rules' is.
-- @tparam table language
-- @tparam table freezer
function M.freeze(language, freezer)
  for _, hook in pairs(language.hooks) do
    freezer:visit(hook.event)
  end
end

--- The hooks without their functions.
-- @tparam {[string]=table} hooks
-- @treturn {[string]=table} `{ [name] = { to, verify = { header, algorithm, encoding, prefix, secret } or { bearer,
--   secret }, line, file } }`; the secret is a name
function M.describe(hooks)
  local described = {}
  for name, hook in pairs(hooks) do
    described[name] = { to = hook.to, verify = hook.verify, line = hook.line, file = hook.file }
  end
  return described
end

--- Writes the replies of a description as JSON, as they are sent. Not for the sandbox, which has no writer.
-- @tparam table description
-- @treturn table the same
function M.write(description)
  local json = require("tagua.json")
  for event, message in pairs(description.replies) do
    description.replies[event] = assert(json.encode(message))
  end
  return description
end

-- ---- hearing --------------------------------------------------------------------------------

-- Puts back the locals that a hook's function assigned -> the name of one, where there was one.
local function put_back(language)
  local kept = language.freezer.kept
  if not language.hook_kept then
    language.hook_kept = {}
    for i, one in ipairs(kept) do
      local _, value = getupvalue(one.f, one.index)
      language.hook_kept[i] = { value = value }
    end
    return nil
  end
  local changed
  for i, one in ipairs(kept) do
    local before = language.hook_kept[i].value
    local _, value = getupvalue(one.f, one.index)
    if not rawequal(value, before) then
      setupvalue(one.f, one.index, before)
      changed = one.name
    end
  end
  return changed
end

local function text_of(value)
  if type(value) == "string" then return value end
  return math.type(value) == "integer" and tostring(value) or nil
end

-- A moment as a hook gives it -> milliseconds.
local function moment_of(language, value, at)
  if value == nil then return at end
  if math.type(value) then
    return value == value and math.tointeger((value < MILLISECONDS_FROM and value * 1000 or value) // 1) or nil
  end
  local seconds = type(value) == "string" and language:zone():parse(value)
  return seconds and seconds * 1000 or nil
end

local function event_of(language, i, given, at)
  local function wrong(message, ...) error(("event %d: "):format(i) .. message:format(...), 0) end
  if type(given) ~= "table" then wrong("must be a table, { user = ..., type = ... }, got %s", quote(given)) end
  local user = text_of(given.user)
  if not user then wrong("wants its user as text; got %s (return nil for what is about no user)", quote(given.user)) end
  if type(given.type) ~= "string" then wrong("wants its type as text, got %s", quote(given.type)) end
  local id = text_of(given.id)
  if given.id ~= nil and not id then wrong("wants its id as text, got %s", quote(given.id)) end
  local moment = moment_of(language, given.at, at)
  if not moment then wrong("at is no moment: %s", quote(given.at)) end
  return { user = user, type = given.type, id = id, at = moment, fields = flat.fields(given, ENVELOPE) }
end

-- What a hook's function returned, as a list of events.
local function events_of(language, result, at)
  if result == nil then return {} end
  if type(result) ~= "table" then
    error("must return an event, a list of events or nil, got " .. quote(result), 0)
  end
  local list = result
  if result[1] == nil and next(result) ~= nil then list = { result } end
  if #list > MOST_EVENTS then error(("returned %d events, at most %d are taken"):format(#list, MOST_EVENTS), 0) end
  local events = {}
  for i, given in ipairs(list) do
    events[i] = event_of(language, i, given, at)
  end
  return events
end

-- Runs a hook's function on a body -> whether it went well, the events or what went wrong.
local function run(language, name, body, at)
  local hook = language.hooks[name]
  language.clock(at // 1000)
  local ok, result = pcall(hook.event, body)
  local changed = put_back(language)
  if ok then ok, result = pcall(events_of, language, result, at) end
  language.clock(nil)
  if ok and changed then
    ok, result = false, ("changed '%s', which is not its own: a hook keeps nothing from one body to the next"):format(
      changed)
  end
  if ok then return true, result end
  if result == "not enough memory" then result = "ran out of memory" end
  if type(result) ~= "string" then result = ("raised a %s instead of a message"):format(type(result)) end
  return false, language:placed(result) and result
    or ("%s: hook '%s' %s"):format(language:where(hook), name, result)
end

--- Has a hook turn one of several bodies into events.
-- @tparam table language
-- @tparam table request `hook` (its name), `bodies` (JSON texts), `at` (milliseconds: one number, or one for each)
-- @tparam integer i which body
-- @treturn table `{ events = { { user, type, at, id, fields } } }`; raises where the function does, or returns
--   something else
function M.hear(language, request, i)
  local hook = language.hooks[request.hook]
  if not hook then error(("there is no hook '%s'"):format(request.hook), 0) end
  put_back(language) -- of one that was stopped in the middle
  local body, message = core.json.decode(request.bodies[i])
  if body == nil then error(message, 0) end
  local at = type(request.at) == "table" and request.at[i] or request.at
  local ok, result = run(language, request.hook, body, at)
  if not ok then error(result, 0) end
  return { events = result }
end

--- Runs a hook's function for a test, in the time that a body has.
-- @tparam table language
-- @tparam string name
-- @param body what it is given
-- @tparam integer at milliseconds
-- @treturn {table,...}|nil events
-- @treturn string what went wrong
function M.try(language, name, body, at)
  put_back(language)
  if not core.timed then
    local ok, result = run(language, name, body, at)
    return ok and result or nil, result
  end
  local ran, result = core.timed(function() return table.pack(run(language, name, body, at)) end)
  language.clock(nil)
  if not ran then
    return nil, ("%s: hook '%s' %s"):format(language:where(language.hooks[name]), name, tostring(result))
  end
  return result[1] and result[2] or nil, result[2]
end

return M
