--- Webhooks of the LINE Messaging API: whether LINE signed one, and which events it holds.
--
-- Every event that has a user is kept, whatever its type: `type` is LINE's, `id` the `webhookEventId`, `at` the
-- timestamp. Fields: `text` of a message, `data` of a postback, and all other texts, numbers and booleans by
-- their path, such as `message.type` or `postback.params.date`. `memberJoined` and `memberLeft` are an event for
-- each member. Events in `standby` mode are another bot's to act on and not kept, nor are events without a user.
--
-- See https://developers.line.biz/en/reference/messaging-api/#webhooks
-- @module tagua.serve.hook.line
local flat = require("tagua.events.flat")
local reading = require("tagua.serve.hook.reading")

local M = {}

--- What `request:verify` wants to know, but the secret.
M.signature = { header = "x-line-signature", algorithm = "sha256", encoding = "base64" }

-- What is no field: told elsewhere in the event, good for one minute only, or a list of people.
local EXCEPT = { type = true, timestamp = true, webhookEventId = true, replyToken = true, mode = true,
  deliveryContext = true }
local DROPPED = { "source.userId", "message.quoteToken", "message.markAsReadToken" }
local RENAMED = { ["message.text"] = "text", ["postback.data"] = "data" }
local MEMBERS = { memberJoined = "joined", memberLeft = "left" }

local function fields_of(event)
  local fields = flat.fields(event, EXCEPT)
  for _, name in ipairs(DROPPED) do
    fields[name] = nil
  end
  for name, short in pairs(RENAMED) do
    fields[short], fields[name] = fields[name], nil
  end
  return fields
end

local function keep(result, event, connection, now)
  if type(event) ~= "table" or type(event.type) ~= "string" then return reading.leave(result, "unfit") end
  if event.mode == "standby" then return reading.leave(result, "standby") end
  local id, fields = reading.text(event.webhookEventId), fields_of(event)
  local at = reading.moment(event.timestamp, now)
  local function add(user, its_id)
    reading.keep(result, {
      connection = connection, source = "line", user = user, type = event.type, at = at, id = its_id, fields = fields,
    })
  end
  local part = MEMBERS[event.type]
  if not part then return add(reading.text(reading.table(event.source).userId), id) end
  for _, member in ipairs(reading.table(reading.table(event[part]).members)) do
    local user = reading.text(reading.table(member).userId)
    add(user, id and user and id .. ":" .. user)
  end
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
  local events, problem = reading.list(body.events, "events")
  if not events then return nil, problem end
  local result = reading.result()
  for _, event in ipairs(events) do
    keep(result, event, connection, now)
  end
  return result
end

return M
