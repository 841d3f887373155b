--- Tagging from OpenResty, and from nginx with its Lua module: hands operations to `tagua serve` on this host, over
-- the Unix socket. Pure Lua for LuaJIT, on ngx's cosockets; nothing waits but the request that asked.
--
--    local tagua = require "tagua.resty"
--    local shop = tagua.new { socket = "/run/tagua/tagua.sock", connection = "shop" }
--
--    local ok, message, code = shop:ensure_tag(ngx.var.cookie_user, "Member")
--
-- What is answered with true is on disk at the sender, which then sees to it: within the platform's rate limit,
-- once, in the order of its queue. Misuse (a wrong type, an unknown option) raises at the caller's line; what can
-- fail at run time gives `nil, message, code`, the code one of `tagua.errors`.
--
-- Works where ngx has cosockets: in rewrite, access and content handlers and in timers. From another phase, such as
-- log, begin a timer: `ngx.timer.at(0, function() shop:ensure_tag(user, "Member") end)`.
-- @module tagua.resty
local M = {}

local Sender = {}
Sender.__index = Sender

local LONGEST_ANSWER = 1024 * 1024 -- bytes
local MOST_HEADERS = 100
local IDLE = 60000 -- milliseconds that a connection is kept for the next request

local OPTIONS = { socket = "string", connection = "string", timeout = "number", pool = "number" }

local function unsupported(why)
  return nil, "tagua.resty works inside OpenResty, or nginx with its Lua module, alone: " .. why
    .. ' (elsewhere there is require "tagua")', "EUNSUPPORTED"
end

--- A sender to hand operations to. Opens nothing yet: each operation takes a connection from ngx's pool.
-- @tparam table options `socket`: the path of the sender's Unix socket, with or without `unix:`; `connection`: whose
--   users are meant, needed where the sender serves several; `timeout`: seconds for each step of a request (2);
--   `pool`: connections that a worker process keeps open (10)
-- @treturn table|nil the sender
-- @treturn string message
-- @treturn string code `EUNSUPPORTED`: this is no nginx
function M.new(options)
  if type(options) ~= "table" then
    error("tagua.resty.new: options must be a table, got " .. type(options), 2)
  end
  for name, value in pairs(options) do
    if not OPTIONS[name] then
      error("tagua.resty.new: unknown option '" .. tostring(name)
        .. "' (there are connection, pool, socket, timeout)", 2)
    elseif type(value) ~= OPTIONS[name] then
      error("tagua.resty.new: option '" .. name .. "' must be a " .. OPTIONS[name] .. ", got " .. type(value), 2)
    end
  end
  local path = (options.socket or ""):gsub("^unix:", "")
  if path:sub(1, 1) ~= "/" then
    error("tagua.resty.new: option 'socket' must be a whole path, such as /run/tagua/tagua.sock", 2)
  end
  for _, name in ipairs({ "timeout", "pool" }) do
    if options[name] and not (options[name] > 0 and options[name] <= 3600) then
      error("tagua.resty.new: option '" .. name .. "' must be more than 0 and at most 3600", 2)
    end
  end
  local ngx = rawget(_G, "ngx")
  if not ngx or not ngx.socket then
    return unsupported("there is no ngx here")
  end
  local found, json = pcall(require, "cjson.safe")
  if not found then
    return unsupported("lua-cjson for LuaJIT is missing: Debian's package lua-cjson has it, OpenResty comes with it")
  end
  return setmetatable({
    ngx = ngx,
    json = json,
    socket = "unix:" .. path,
    connection = options.connection,
    timeout = math.ceil((options.timeout or 2) * 1000),
    pool = math.ceil(options.pool or 10),
  }, Sender)
end

-- ---- HTTP over a cosocket -------------------------------------------------------------------

-- Reads an answer -> status, body, whether the connection can be used again; or nil and why.
local function receive(sock)
  local line, problem = sock:receive("*l")
  if not line then
    return nil, problem
  end
  local status = tonumber(line:match("^HTTP/1%.1 (%d%d%d)"))
  if not status then
    return nil, "that is no HTTP server"
  end
  local length, keep
  keep = true
  for count = 1, MOST_HEADERS + 1 do
    line, problem = sock:receive("*l")
    if not line then
      return nil, problem
    elseif line == "" then
      break
    elseif count > MOST_HEADERS then
      return nil, "the answer has too many headers"
    end
    local name, value = line:match("^([^:]+):%s*(.-)%s*$")
    name = name and name:lower()
    if name == "content-length" then
      length = tonumber(value)
    elseif name == "connection" and value:lower() == "close" then
      keep = false
    end
  end
  if not length or length > LONGEST_ANSWER then
    return nil, "the answer has no length, or one that is too large"
  end
  local body = ""
  if length > 0 then
    body, problem = sock:receive(length)
    if not body then
      return nil, problem
    end
  end
  return status, body, keep
end

-- One try -> status, body; or nil, why, and whether an old connection may be to blame.
local function try(self, text)
  local made, sock = pcall(self.ngx.socket.tcp)
  if not made then
    return nil, "there are no cosockets in this phase, begin a timer: ngx.timer.at(0, ...)", false, "EUNSUPPORTED"
  end
  sock:settimeouts(self.timeout, self.timeout, self.timeout)
  local connected, problem = sock:connect(self.socket)
  if not connected then
    return nil, problem, false
  end
  local reused = (sock:getreusedtimes() or 0) > 0
  local sent
  sent, problem = sock:send(text)
  if not sent then
    sock:close()
    return nil, problem, reused
  end
  local status, body, keep = receive(sock)
  if not status then
    sock:close()
    return nil, body, reused and body == "closed"
  end
  if keep then
    sock:setkeepalive(IDLE, self.pool)
  else
    sock:close()
  end
  return status, body
end

local CODES = { [400] = "EINPUT", [404] = "ENOTFOUND", [413] = "ETOOBIG", [503] = "ECANCELLED" }

-- A request and its answer -> the answer's table, or nil, message, code.
local function request(self, what, method, path, body, key)
  local text = {
    method, " ", path, " HTTP/1.1\r\nHost: tagua\r\n",
    key and "Idempotency-Key: " .. key .. "\r\n" or "",
    body and "Content-Type: application/json\r\nContent-Length: " .. #body .. "\r\n" or "",
    "\r\n", body or "",
  }
  local status, answer, old, code = try(self, text)
  if not status and old then -- the sender closed what was kept: whatever is asked twice counts once
    local _
    status, answer, _, code = try(self, text)
  end
  if not status then
    return nil, "cannot " .. what .. " through " .. self.socket .. ": " .. tostring(answer)
      .. (code and "" or "; does tagua serve run, and may this process use its socket?"),
      code or (answer == "timeout" and "ETIMEOUT" or "ENETWORK")
  end
  local told = self.json.decode(answer)
  if status < 200 or status > 299 then
    return nil, "cannot " .. what .. ": " .. tostring(type(told) == "table" and told.error or "status " .. status),
      CODES[status] or "EPROTOCOL"
  end
  return type(told) == "table" and told or {}
end

-- ---- operations -----------------------------------------------------------------------------
-- No public function ends in a tail call: the level of an error counts its frame.

local count = 0

-- A key that no other request has.
local function new_key(self)
  count = count + 1
  return ("resty-%d-%d-%d-%d"):format(self.ngx.worker.pid(), self.ngx.now() * 1000, count, math.random(0, 2 ^ 31 - 1))
end

local function check(level, what, name, value)
  if type(value) ~= "string" or value == "" then
    error(what .. ": " .. name .. " must be a text that is not empty, got " .. type(value), level + 1)
  end
end

local LASTING = { lasts = true, ends = true, id = true }

local function operation(self, what, action, user, tag, given)
  check(3, what, "user", user)
  check(3, what, "tag", tag)
  local body = { connection = self.connection, user = user, tag = tag }
  for name, value in pairs(given or {}) do
    if not LASTING[name] then
      error(what .. ": unknown option '" .. tostring(name) .. "' (there are ends, id, lasts)", 3)
    end
    body[name] = value
  end
  -- To ensure twice is to ensure; what else is repeated is known by its key.
  local key = action ~= "ensure" and not body.id and new_key(self) or nil
  local answer, message, code = request(self, ("%s the tag '%s' on user '%s'"):format(
    action == "untag" and "take off" or "put", tag, user), "POST", "/v1/" .. action, self.json.encode(body), key)
  if not answer then
    return nil, message, code
  end
  return true
end

--- Has the sender see to it that a user has a tag: where the user has it, nothing is sent.
-- @tparam string user
-- @tparam string tag its name
-- @tparam[opt] table given `lasts`: `"30d"` or seconds, after which it comes off again; `ends`: a moment, as text with
--   a zone or as a number; `id`: the same id counts once
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function Sender:ensure_tag(user, tag, given)
  local ok, message, code = operation(self, "ensure_tag", "ensure", user, tag, given)
  return ok, message, code
end

--- Has the sender put a tag on a user, also where the user has it: a platform may count, or send a message.
-- @tparam string user
-- @tparam string tag its name
-- @tparam[opt] table given as of `ensure_tag`
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function Sender:tag(user, tag, given)
  local ok, message, code = operation(self, "tag", "tag", user, tag, given)
  return ok, message, code
end

--- Has the sender take a tag off a user.
-- @tparam string user
-- @tparam string tag its name
-- @tparam[opt] table given `id`
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function Sender:untag(user, tag, given)
  local ok, message, code = operation(self, "untag", "untag", user, tag, given)
  return ok, message, code
end

--- Hands over an event, for the rules.
-- @tparam table event `user`, `type`, `at` (now, unless told: a text with a zone, seconds or milliseconds), `id` (the
--   same id counts once), and the fields that rules read
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function Sender:event(event)
  if type(event) ~= "table" then
    error("event: an event is a table, { user =, type =, ... }, got " .. type(event), 2)
  end
  check(2, "event", "user", event.user)
  check(2, "event", "type", event.type)
  local body = { connection = self.connection }
  for name, value in pairs(event) do
    body[name] = value
  end
  local text, problem = self.json.encode(body)
  if not text then
    error("event: " .. tostring(problem), 2)
  end
  local answer, message, code = request(self, ("hand over the event '%s' of user '%s'"):format(event.type, event.user),
    "POST", "/v1/events", text, not event.id and new_key(self) or nil)
  if not answer then
    return nil, message, code
  end
  return true
end

--- The names of the tags that a user has, as far as the sender's mirror knows.
-- @tparam string user
-- @treturn {string,...}|nil
-- @treturn string message
-- @treturn string code
function Sender:user_tags(user)
  check(2, "user_tags", "user", user)
  local escape = self.ngx.escape_uri
  local path = "/v1/users/" .. escape(user) .. "/tags"
    .. (self.connection and "?connection=" .. escape(self.connection) or "")
  local answer, message, code = request(self, ("read the tags of user '%s'"):format(user), "GET", path)
  if not answer then
    return nil, message, code
  end
  return answer.tags or {}
end

return M
