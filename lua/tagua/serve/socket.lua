--- The paths of the Unix socket: what other programs on this host may hand to the sender, and ask it.
--
--    POST /v1/tag, /v1/untag, /v1/ensure   {"connection"?, "user", "tag", "lasts"?, "ends"?, "id"?}, or a list of them
--    POST /v1/events                       {"connection"?, "user", "type", "at"?, "id"?, ...}; a list; one to a line
--    GET  /v1/users/ID/tags?connection=    the tags that the mirror has
--
-- What is answered with 202 is on disk. Who may connect is the socket file's mode to say. A request is taken whole or
-- refused whole: whoever sends it can mend it.
-- @module tagua.serve.socket
local core = require("tagua.core")
local events = require("tagua.serve.hook.events")
local intakes = require("tagua.serve.intake")
local json = require("tagua.json")
local moments = require("tagua.rules.moments")
local nearest = require("tagua.nearest")
local options = require("tagua.options")
local reading = require("tagua.serve.hook.reading")
local store = require("tagua.ledger.store")

local M = {}

--- The most operations that one request may hold.
M.MOST = 1000

local LONGEST_LASTS = 10 * 366 * 86400
local BODY_WITH = "send JSON: an object, or a list of objects"

local function text_of(longest)
  return function(value)
    local text = reading.text(value)
    if not text or text == "" or #text > longest or not utf8.len(text) or text:find("%c") then
      return nil, ("must be a text of 1 to %d bytes, got %s"):format(longest, options.quote(value))
    end
    return text
  end
end

local function accept_lasts(value)
  local seconds = type(value) == "string" and moments.duration(value) or math.type(value) == "integer" and value
  if not seconds or seconds < 1 or seconds > LONGEST_LASTS then
    return nil, ('must be a time such as "30d" (m, h, d or w), or a number of seconds, got %s'):format(
      options.quote(value))
  end
  return seconds
end

local function accept_ends(value)
  local at = value ~= nil and events.moment(value)
  if not at then
    return nil, ("must be a moment such as 2026-12-24T00:00:00+08:00 (with a zone), or a number of seconds or"
      .. " milliseconds, got %s"):format(options.quote(value))
  end
  return at // 1000
end

local OPERATION = {
  connection = { accept = text_of(200) },
  user = { accept = text_of(256), required = true },
  tag = { accept = text_of(1000), required = true },
  id = { accept = text_of(200) },
}
local LASTING = { lasts = { accept = accept_lasts }, ends = { accept = accept_ends } }
for name, rule in pairs(OPERATION) do
  LASTING[name] = rule
end

-- The connection that is meant, or nil and what is wrong.
local function connection_of(self, name)
  if name == nil then
    if #self.names == 1 then return self.names[1] end
    return nil, ("connection is missing: it may be %s"):format(table.concat(self.names, ", "))
  elseif not self.served[name] then
    local hint = type(name) == "string" and nearest.hint(name, self.names) or ""
    return nil, ("no connection %s is served here%s: there is %s"):format(options.quote(name), hint,
      table.concat(self.names, ", "))
  end
  return name
end

-- The key by which a repeated request is known, or nil; false and what is wrong.
local function key_of(call)
  local key = call.request.headers["idempotency-key"]
  if key == nil then return nil end
  local accepted, complaint = OPERATION.id.accept(key)
  if not accepted then return false, "the header Idempotency-Key " .. complaint end
  return accepted
end

-- The objects of a request, and its key -> nil, status, message where there are none.
local function objects_of(call)
  local body = call.request.body
  if body == nil then return nil, 413, "the body is too large: send less at a time" end
  if not body:find("%S") then return nil, 400, "the body is empty: " .. BODY_WITH end
  local objects, message = events.objects(body)
  if not objects then return nil, 400, message .. ": " .. BODY_WITH end
  local key
  key, message = key_of(call)
  if key == false then return nil, 400, message end
  return objects, key
end

-- The connections that a list is about, each once.
local function connections_of(list)
  local names, seen = {}, {}
  for _, one in ipairs(list) do
    if not seen[one.connection] then
      seen[one.connection], names[#names + 1] = true, one.connection
    end
  end
  return names
end

-- The i-th of several has a key of its own.
local function key_for(key, i, count) return key and (count == 1 and key or ("%s#%d"):format(key, i)) end

local function where(what, i, count) return count == 1 and what or ("%s %d"):format(what, i) end

local function operations(self, action)
  local declaration = action == "untag" and OPERATION or LASTING
  return function(call)
    local refusal = intakes.refusal
    local objects, key, message = objects_of(call)
    if not objects then return refusal(key, message) end
    local count, wishes = #objects, {}
    if count == 0 then return refusal(400, "the list is empty: " .. BODY_WITH) end
    if count > M.MOST then
      return refusal(400, ("%d operations are too many for one request: send at most %d"):format(count, M.MOST))
    end
    for i, object in ipairs(objects) do
      local what = where(action, i, count)
      if type(object) ~= "table" or object[1] ~= nil then
        return refusal(400, ("%s: it is no object with user and tag"):format(what))
      end
      local wish
      wish, message = options.verify(what, object, declaration)
      if not wish then return refusal(400, message) end
      wish.connection, message = connection_of(self, wish.connection)
      if not wish.connection then return refusal(400, ("%s: %s"):format(what, message)) end
      wish.action, wish.id = action, wish.id or key_for(key, i, count)
      wishes[i] = wish
    end
    return {
      connection = wishes[1].connection,
      connections = connections_of(wishes),
      wishes = wishes,
      reply = function(result)
        local taken = 0
        for _, number in ipairs(result.wishes) do taken = taken + (number and 1 or 0) end
        return intakes.json(202, { taken = taken, repeated = count - taken })
      end,
    }
  end
end

local function take_events(self)
  return function(call)
    local refusal = intakes.refusal
    local objects, key, message = objects_of(call)
    if not objects then return refusal(key, message) end
    local count, list = #objects, {}
    if count == 0 then return refusal(400, "the list is empty: " .. BODY_WITH) end
    if count > reading.MOST_EVENTS then
      return refusal(400, ("%d events are too many for one request: send at most %d"):format(count,
        reading.MOST_EVENTS))
    end
    for i, object in ipairs(objects) do
      local what = where("event", i, count)
      local name = type(object) == "table" and object.connection or nil
      local connection
      connection, message = connection_of(self, name)
      if not connection then return refusal(400, ("%s: %s"):format(what, message)) end
      list[i], message = events.event(object, connection, call.intake.now())
      if not list[i] then return refusal(400, ("%s: %s"):format(what, message)) end
      list[i].id = list[i].id or key_for(key, i, count)
    end
    return {
      connection = list[1].connection,
      connections = connections_of(list),
      events = list,
      reply = intakes.json(202, { taken = count }),
    }
  end
end

local TAGS = [[
  select t.name from connection c join holding h on h.connection = c.number
    join tag t on t.number = h.tag
  where c.number = (select max(number) from connection where name = ?1) and h.user = ?2 and h.present = 1
  order by t.name limit 1000]]

-- The mirror is opened at the first question: before the first run there is none.
local function mirror(self)
  if not self.db and core.system.file_kind(self.ledger) then
    self.db = store.must(store.open(self.ledger, { readonly = true, create = false, busy = 1, cache = 2 }))
  end
  return self.db
end

local function user_tags(self)
  return function(call)
    local name, message = connection_of(self, call.request.query.connection)
    if not name then return intakes.refusal(400, message) end
    local code, tags
    tags, message, code = store.try(function()
      local list, db = json.array({}), mirror(self)
      if db then
        for tag in db:rows(TAGS, name, call.parts[1]) do list[#list + 1] = tag end
      end
      return list
    end)
    if not tags then return intakes.refusal(503, ("%s (%s)"):format(message, code), { ["Retry-After"] = "1" }) end
    return intakes.json(200, { connection = name, user = call.parts[1], tags = tags })
  end
end

--- Adds the paths to an intake.
-- @tparam table intake
-- @tparam table given connections: the names of those that are served; ledger: its path
function M.add(intake, given)
  local self = { names = given.connections, ledger = given.ledger, served = {} }
  for _, name in ipairs(given.connections) do
    self.served[name] = true
  end
  for _, action in ipairs({ "tag", "untag", "ensure" }) do
    intake:route("socket", "POST", "/v1/" .. action, operations(self, action))
  end
  intake:route("socket", "POST", "/v1/events", take_events(self))
  intake:route("socket", "GET", "/v1/users/*/tags", user_tags(self))
end

return M
