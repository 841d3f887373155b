--- The paths of the public listener: who may send what there, and what becomes of it.
--
--    /hooks/line/CONNECTION             signed by LINE
--    /hooks/meta/CONNECTION             signed by Meta; GET is its challenge
--    /hooks/botbonnie/CONNECTION/EVENT  signed by BotBonnie, answered with a message of the rules
--    /hooks/NAME                        a hook of the rule file, verified as it says
--    /events/CONNECTION                 one's own systems, with a bearer token
--
-- Nothing of a body is looked at before it is known who sent it. A platform is answered 200 for whatever it signed:
-- what can't be kept is counted, for sending it again would change nothing.
-- @module tagua.serve.hooks
local core = require("tagua.core")

local M = {}

local READERS = {
  line = require("tagua.serve.hook.line"),
  meta = require("tagua.serve.hook.meta"),
  botbonnie = require("tagua.serve.hook.botbonnie"),
  events = require("tagua.serve.hook.events"),
}

-- Validates a text as JSON without making anything of it.
local is_json = assert(core.json.projection({}))

local LABELS = {
  line = 'source="line"', meta = 'source="meta"', botbonnie = 'source="botbonnie"', events = 'source="events"',
  hook = 'source="hook"',
}

local TEXT_MOST = 2000 -- bytes of a challenge

local function refuse(call, status, message)
  return call.intake.refusal(status, message, status == 401 and { ["WWW-Authenticate"] = "Bearer" } or nil)
end

-- A request that is not from whom it should be: counted, and named in the log now and then.
local function stranger(call, status, message)
  call.intake:count("tagua_hooks_unverified_total", call.label)
  call.intake.log:seldom("warning", "unverified", message, { path = call.path, from = call.request.from })
  return refuse(call, status, message)
end

-- Why the body can't be had -> a refusal, or nothing.
local function bodyless(call)
  local why = call.request.bodyless
  if why == "crowded" then return call.intake.busy("too much is being received; send it again") end
  return why and refuse(call, 413, "the body is too large")
end

local function verified(call, signature, secret)
  local how = { secret = secret }
  for name, value in pairs(signature) do
    how[name] = value
  end
  return call.request:verify(how)
end

-- What a reader made of a body, as the intake takes it.
local function taken(call, connection, result, message, reply)
  if not result then
    call.intake:count("tagua_hooks_unreadable_total", call.label)
    return refuse(call, 400, message)
  end
  for reason, count in pairs(result.left) do
    call.intake:count("tagua_events_left_total", 'reason="' .. reason .. '"', count)
  end
  if #result.events == 0 then return reply end
  return { connection = connection, events = result.events, reply = reply }
end

-- The options of the connection that a path names, for one kind of sender.
local function sender_of(call, kind)
  local given = call.intake.hooks[call.parts[1]]
  call.label = LABELS[kind]
  return given and given[kind]
end

local function nothing_here(call) return refuse(call, 404, "there is nothing at this path") end

-- A platform's webhook.
local function platform(kind, pass_on)
  local reader = READERS[kind]
  return function(call)
    local given = sender_of(call, kind)
    if not given then return nothing_here(call) end
    local refusal = bodyless(call)
    if refusal then return refusal end
    if not verified(call, reader.signature, given.secret) then
      return stranger(call, 401, "the signature is missing or wrong")
    end
    local body = call.request.body
    if pass_on then pass_on(call, given, body) end
    local intake = call.intake
    local result, message = reader.read(body, call.parts[1], intake.now(), call.parts[2])
    local reply = reader.is_answered and intake.replies[call.parts[2]]
    return taken(call, call.parts[1], result, message, reply
      and { status = 200, headers = { ["Content-Type"] = "application/json" }, body = reply } or intake.json(200, {}))
  end
end

-- LINE has one address for a channel: who had it before gets what came, whatever becomes of it here.
local function pass_on(call, given, body)
  if not given.forward then return end
  call.intake.forward:send(given.forward, {
    body = body,
    headers = {
      ["Content-Type"] = call.request:header("content-type") or "application/json",
      [READERS.line.signature.header] = call.request:header(READERS.line.signature.header),
    },
    connection = call.parts[1],
  })
end

-- Meta asks once whether the address is ours.
local function challenge(call)
  local given = sender_of(call, "meta")
  if not given then return nothing_here(call) end
  local query = call.request.query
  local token, text = query["hub.verify_token"], query["hub.challenge"]
  if query["hub.mode"] ~= "subscribe" or not token or not text or #text > TEXT_MOST or text:find("[^%w_.-]") then
    return refuse(call, 400, "this is not Meta's question whether it may subscribe")
  end
  if not core.secret.equal(core.secret.sha256(token), given.verify_token:sha256()) then
    return stranger(call, 403, "the verify token is wrong")
  end
  return { status = 200, headers = { ["Content-Type"] = "text/plain" }, body = text }
end

-- Whether the request carries a bearer token with one of these hashes.
local function bears(call, hashes)
  local hash, found = call.request:bearer_sha256(), false
  for _, wanted in ipairs(hashes) do
    found = hash ~= nil and core.secret.equal(hash, wanted) or found
  end
  return found
end

local function own_events(call)
  local given = sender_of(call, "events")
  if not given then return nothing_here(call) end
  if not bears(call, given.sha256) then return stranger(call, 401, "the bearer token is missing or wrong") end
  local refusal = bodyless(call)
  if refusal then return refusal end
  local intake = call.intake
  local result, message = READERS.events.read(call.request.body, call.parts[1], intake.now())
  return taken(call, call.parts[1], result, message, result and intake.json(200, { events = #result.events }))
end

-- A hook of the rule file: its body is kept as it is, and the connection's keeper asks the rules what it means.
local function named(call)
  local name, intake = call.parts[1], call.intake
  local given = intake.named[name]
  call.label = LABELS.hook
  if not given then return nothing_here(call) end
  local refusal = bodyless(call)
  if refusal then return refusal end
  if given.bearer then
    if not bears(call, { given.secret:sha256() }) then
      return stranger(call, 401, "the bearer token is missing or wrong")
    end
  elseif not call.request:verify(given) then
    return stranger(call, 401, "the signature is missing or wrong")
  end
  local body = call.request.body
  local fine, message = is_json(body)
  if fine == nil and message then
    intake:count("tagua_hooks_unreadable_total", call.label)
    return refuse(call, 400, message)
  end
  return {
    connection = given.connection,
    raws = { { connection = given.connection, hook = name, body = body, at = intake.now() } },
    reply = intake.json(200, {}),
  }
end

--- Adds the paths to an intake.
-- @tparam table intake
function M.add(intake)
  intake:route("http", "POST", "/hooks/line/*", platform("line", pass_on))
  intake:route("http", "POST", "/hooks/meta/*", platform("meta"))
  intake:route("http", "GET", "/hooks/meta/*", challenge)
  intake:route("http", "POST", "/hooks/botbonnie/*/*", platform("botbonnie"))
  intake:route("http", "POST", "/hooks/*", named)
  intake:route("http", "POST", "/events/*", own_events)
end

return M
