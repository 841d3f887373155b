--- What the readers of webhooks share: JSON within bounds, and the events that can be kept of it. Pure.
--
-- A reader turns a body into
--
--    { events = { as the inbox takes them }, left = { [reason] = how many were not kept } }
--
-- or `nil, message` where the body is not what it should be. Nothing that a body holds makes a reader raise.
-- @module tagua.serve.hook.reading
local event = require("tagua.events.event")
local json = require("tagua.json")

local M = {}

--- The most events that one webhook may hold.
M.MOST_EVENTS = 10000

local LATEST = 253402300799999

--- An empty result.
-- @treturn table
function M.result() return { events = {}, left = {} } end

--- Counts something that is not kept.
-- @tparam table result
-- @tparam string reason one word
function M.leave(result, reason) result.left[reason] = (result.left[reason] or 0) + 1 end

--- Puts an event into the result; one that can't be kept is counted as `unfit`, one of nobody as `nobody`.
-- @tparam table result
-- @tparam table made see `tagua.events.event`
function M.keep(result, made)
  if made.user == nil or made.user == "" then return M.leave(result, "nobody") end
  made.text = event.check(made)
  if not made.text then return M.leave(result, "unfit") end
  result.events[#result.events + 1] = made
end

--- Reads a JSON object.
-- @tparam string text
-- @treturn table|nil
-- @treturn string what it is instead
function M.object(text)
  local value, message = json.decode(text)
  if value == nil then return nil, message end
  if type(value) ~= "table" or value[1] ~= nil then return nil, "the body is not a JSON object" end
  return value
end

--- A list in a body: nil is none.
-- @param value
-- @tparam string name
-- @treturn table|nil
-- @treturn string what is wrong
function M.list(value, name)
  if value == nil then return {} end
  if type(value) ~= "table" or (value[1] == nil and next(value) ~= nil) then return nil, name .. " is not a list" end
  if #value > M.MOST_EVENTS then
    return nil, ("%s holds %d entries, at most %d are taken"):format(name, #value, M.MOST_EVENTS)
  end
  return value
end

--- A table in a body, or an empty one in place of anything else.
-- @param value
-- @treturn table
function M.table(value) return type(value) == "table" and value or {} end

--- A text in a body, or a whole number's digits; nil for anything else.
-- @param value
-- @treturn string|nil
function M.text(value)
  if type(value) == "string" then return value end
  return math.type(value) == "integer" and tostring(value) or nil
end

--- A moment in milliseconds; `now` where it is none.
-- @param value
-- @tparam integer now
-- @treturn integer
function M.moment(value, now)
  if math.type(value) == "integer" and value >= 0 and value <= LATEST then return value end
  return now
end

return M
