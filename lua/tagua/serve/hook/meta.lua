--- Webhooks of Messenger and Instagram: whether Meta signed one, and which events it holds.
--
-- One event for each entry of `messaging` that its user caused; `type` is what the entry holds: `message`,
-- `postback`, `optin`, `referral`, `account_linking`, `read`, `reaction`, or whatever Meta adds. `id` is the `mid`
-- where there is one, else the type, the user and the timestamp. Fields: `text` of a message, `data` of a postback
-- or quick reply (its payload), and all other texts, numbers and booleans by their path. Echoes of what the page
-- itself sent, receipts of delivery and what another app stands by for are not kept.
--
-- See https://developers.facebook.com/docs/messenger-platform/webhooks
-- @module tagua.serve.hook.meta
local flat = require("tagua.events.flat")
local reading = require("tagua.serve.hook.reading")

local M = {}

--- What `request:verify` wants to know, but the secret.
M.signature = { header = "x-hub-signature-256", algorithm = "sha256", encoding = "hex", prefix = "sha256=" }

local EXCEPT = { sender = true, recipient = true, timestamp = true }
-- In order: a name that comes later stands where the first one is missing.
local RENAMED = {
  { "message.text", "text" }, { "postback.payload", "data" }, { "message.quick_reply.payload", "data" },
}

-- What an entry is about: the one key that holds more than a text.
local function kind_of(entry)
  local kind
  for key, value in pairs(entry) do
    if type(key) == "string" and not EXCEPT[key] and type(value) == "table" and (not kind or key < kind) then
      kind = key
    end
  end
  return kind
end

local function fields_of(entry)
  local fields = flat.fields(entry, EXCEPT)
  for _, pair in ipairs(RENAMED) do
    local value = fields[pair[1]]
    fields[pair[1]] = nil
    if fields[pair[2]] == nil then fields[pair[2]] = value end
  end
  return fields
end

local function keep(result, entry, connection, now)
  if type(entry) ~= "table" then return reading.leave(result, "unfit") end
  local kind = kind_of(entry)
  if not kind then return reading.leave(result, "unfit") end
  if kind == "delivery" then return reading.leave(result, "receipt") end
  local what = entry[kind]
  if what.is_echo == true then return reading.leave(result, "echo") end
  local user, at = reading.text(reading.table(entry.sender).id), reading.moment(entry.timestamp, now)
  local id = reading.text(what.mid)
  if id and kind ~= "message" and kind ~= "postback" then id = nil end -- whose message it is about
  if not id and user and math.type(entry.timestamp) == "integer" then id = ("%s:%s:%d"):format(kind, user, at) end
  reading.keep(result, {
    connection = connection, source = "meta", user = user, type = kind, at = at, id = id, fields = fields_of(entry),
  })
end

--- The events of a body.
-- @tparam string text
-- @tparam string connection
-- @tparam integer now milliseconds since the epoch
-- @treturn table|nil see `tagua.serve.hook.reading`
-- @treturn string what is wrong with the body
function M.read(text, connection, now)
  local body, message = reading.object(text)
  if not body then return nil, message end
  local entries, problem = reading.list(body.entry, "entry")
  if not entries then return nil, problem end
  local result, count = reading.result(), 0
  for _, entry in ipairs(entries) do
    entry = reading.table(entry)
    local messaging
    messaging, message = reading.list(entry.messaging, "messaging")
    if not messaging then return nil, message end
    count = count + #messaging
    if count > reading.MOST_EVENTS then return nil, ("more than %d events"):format(reading.MOST_EVENTS) end
    for _, event in ipairs(messaging) do
      keep(result, event, connection, now)
    end
    for _ = 1, #reading.table(entry.standby) do
      reading.leave(result, "standby")
    end
    for _ = 1, #reading.table(entry.changes) do
      reading.leave(result, "nobody")
    end
  end
  return result
end

return M
