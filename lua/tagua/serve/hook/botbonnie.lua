--- Steps of a BotBonnie conversation that ask a JSON API: whether BotBonnie signed one, and the event that it is.
--
-- The body carries neither a text nor a moment nor an id: the path names the event, it happened now, and a request
-- that is sent twice counts twice. Fields: what the body says of the user (`user.name`, `userParams.city`, with
-- `?fields=user,userParams` in the step's address) and of the bot.
--
-- See https://docs.botbonnie.com/jiao-xue-fan-li/ru-he-shi-yong-json-xun-xi
-- @module tagua.serve.hook.botbonnie
local flat = require("tagua.events.flat")
local reading = require("tagua.serve.hook.reading")

local M = {}

--- What `request:verify` wants to know, but the secret.
M.signature = { header = "x-hub-signature", algorithm = "sha1", encoding = "hex", prefix = "sha1=",
  prefix_optional = true }

--- Whoever asks waits for a message, which the rules may set for the event.
M.is_answered = true

-- Deprecated, or told elsewhere in the event.
local EXCEPT = { bot_uid = true, bot_raw_uid = true, bot_isLinked = true }

--- The event of a body.
-- @tparam string text
-- @tparam string connection
-- @tparam integer now milliseconds since the epoch
-- @tparam string name the event's, from the path
-- @treturn table|nil see `tagua.serve.hook.reading`
-- @treturn string what is wrong with the body
function M.read(text, connection, now, name)
  local body, message = reading.object(text)
  if not body then return nil, message end
  local result = reading.result()
  local user = reading.text(body.bot_raw_uid) or reading.text(reading.table(body.user).rawId)
  reading.keep(result, {
    connection = connection, source = "botbonnie", user = user, type = name, at = now,
    fields = flat.fields(body, EXCEPT),
  })
  return result
end

return M
