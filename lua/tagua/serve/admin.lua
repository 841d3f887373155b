--- The admin address of `tagua serve`: who may ask what. /healthz and /readyz are open, everything else wants the
-- token. What there is to see is its routes' to say.
-- @module tagua.serve.admin
local core = require("tagua.core")
local json = require("tagua.json")
local secrets = require("tagua.secrets")
local sender = require("tagua.sender")

local M = {}

local Admin = {}
Admin.__index = Admin

local FILE = "page.token"
local MOST_BODY, MOST_CONNECTIONS, TIMEOUT = 4096, 64, 15

--- Where the token is kept that was made at the first start.
-- @tparam function getenv
-- @treturn string
function M.token_path(getenv) return sender.folder(getenv) .. "/" .. FILE end

--- The admin token: the one that connections.lua names, or else one that is made once.
-- @tparam table serving see tagua.serving
-- @tparam function getenv
-- @treturn userdata|nil the secret
-- @treturn string message
-- @treturn string code
function M.token(serving, getenv)
  if serving.admin_token then return secrets.open(serving.admin_token) end
  local path = M.token_path(getenv)
  local made, message, code = core.system.make_folder(sender.folder(getenv))
  if not made then return nil, message, code end
  if not core.system.file_kind(path) then
    local fresh
    fresh, message, code = core.secret.random()
    if not fresh then return nil, message, code end
    made, message, code = fresh:keep(path)
    fresh:close()
    -- Another process may have been faster: its token is as good.
    if not made and not core.system.file_kind(path) then return nil, message, code end
  end
  return core.secret.file(path)
end

--- Opens the admin address.
-- @tparam table given `address`; `token` (a secret); `metrics_open`; `routes`: by method and path, "GET /api/tags",
--   a function that takes a request of core.server and gives the table for its reply; `open`: { [route] = true } for
--   those that need no token; `log`
-- @treturn table|nil
-- @treturn string message
-- @treturn string code
function M.open(given)
  local server, message, code = core.server.listen({ address = given.address, max_body = MOST_BODY,
    max_connections = MOST_CONNECTIONS, timeout = TIMEOUT })
  if not server then return nil, message, code end
  local open = { ["GET /healthz"] = true, ["GET /readyz"] = true, ["GET /metrics"] = given.metrics_open or nil }
  for route in pairs(given.open or {}) do
    open[route] = true
  end
  return setmetatable({
    server = server, routes = given.routes, open = open, hash = given.token:sha256(), log = given.log,
  }, Admin)
end

--- A reply of plain text.
-- @tparam integer status
-- @tparam string text
-- @treturn table
function M.text(status, text)
  return { status = status, body = text, headers = { ["Content-Type"] = "text/plain; charset=utf-8",
    ["Cache-Control"] = "no-store", ["X-Content-Type-Options"] = "nosniff" } }
end

--- A reply of JSON.
-- @tparam integer status
-- @tparam table value
-- @treturn table
function M.json(status, value)
  local reply = M.text(status, assert(json.encode(value)) .. "\n")
  reply.headers["Content-Type"] = "application/json"
  return reply
end

local function refusal(status, message, headers)
  local reply = M.json(status, { code = status == 401 and "EAUTH" or "EUSAGE", message = message })
  for name, value in pairs(headers or {}) do
    reply.headers[name] = value
  end
  return reply
end

-- What a request is answered with.
local function reply_to(self, request)
  local method, path = request.method, request.path
  if method == "HEAD" then method = "GET" end -- the server leaves the body out
  local route = method .. " " .. path
  local handler = self.routes[route]
  if not self.open[route] then
    local hash = request:bearer_sha256()
    if not hash or not core.secret.equal(hash, self.hash) then
      return refusal(401, "this wants the admin token as a bearer token; tagua token page tells it",
        { ["WWW-Authenticate"] = 'Bearer realm="tagua"' })
    end
  end
  if handler then return handler(request) end
  if self.routes["GET " .. path] then return refusal(405, "this path takes GET", { Allow = "GET" }) end
  return refusal(404, "there is nothing at this path")
end

local function answer(self, requests)
  for _, request in ipairs(requests) do
    local ok, reply = xpcall(reply_to, debug.traceback, self, request)
    if not ok then
      self.log:seldom("error", "admin", "a request could not be handled: " .. tostring(reply), { path = request.path })
      reply = refusal(500, "the server failed")
    end
    request:reply(reply)
  end
  return #requests
end

--- Waits for requests and answers them.
-- @tparam number seconds at most
-- @tparam {integer,...} descriptors that end the waiting when one can be read
-- @treturn integer how many there were
function Admin:wait(seconds, descriptors)
  local count = answer(self, self.server:wait(seconds, descriptors))
  if count > 0 then count = count + answer(self, self.server:step()) end -- the answers leave here
  return count
end

--- Where it listens.
function Admin:address() return self.server:address() end

--- Stops listening; what was answered still leaves.
function Admin:close() self.server:close() end

return M
