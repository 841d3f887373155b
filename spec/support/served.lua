--- An engine and a server in one process, on a real socket: for specs of what goes over the wire.
local core = require("tagua.core")

local M = {}

M.OK = '{"status":200,"res":"ok"}'

--- The envelope that BotBonnie's answers have.
M.ENVELOPE = { code = "errorCode", message = "errorMessage", status = "status" }

local served = {}
served.__index = served

--- An engine and a server; what came is in `requests`, what the spec has to answer in `unanswered`.
-- @tparam table options of the engine; base, name, rate and envelope are filled in
-- @tparam function answer answer(request, n) -> reply, or nothing: the spec answers later
-- @tparam[opt] table server options of the server
function M.new(options, answer, server)
  local self = setmetatable({ requests = {}, unanswered = {}, answer = answer }, served)
  self.server = assert(core.server.listen(server or { address = "127.0.0.1:0" }))
  local made = { name = "shop", rate = { per_second = 100000 }, envelope = M.ENVELOPE,
    backoff = 0.002, backoff_max = 0.01 }
  for name, value in pairs(options) do made[name] = value end
  if not made.base then
    local address = self.server:address()
    made.base = address:find("^unix:") and address or "http://" .. address
  end
  self.engine = assert(core.engine.new(made))
  return self
end

--- Puts one tag on one user, or whatever `request` says instead.
function served:submit(request)
  local made = { method = "POST", path = "/v1/api/user/tag", body = '{"bot_tag_id":"tag-1"}' }
  for name, value in pairs(request or {}) do made[name] = value end
  if made.body == false then made.body = nil end
  self.engine:submit(made)
end

--- One turn: the server answers, the engine works.
function served:turn(seconds)
  local results = assert(self.engine:poll(seconds or 0.2, { self.server:fd() }))
  for _, request in ipairs(self.server:step()) do
    -- What a request said is gone with its answer: the spec gets a copy of it.
    local copy = { method = request.method, path = request.path, query = request.query,
      headers = request.headers, body = request.body, bearer = request:bearer_sha256() }
    self.requests[#self.requests + 1] = copy
    local reply = self.answer and self.answer(copy, #self.requests)
    if reply then request:reply(reply) else self.unanswered[#self.unanswered + 1] = request end
  end
  return results
end

--- Works until each request has its result, or raises after `seconds`.
-- @treturn table results in the order in which they came
function served:run(seconds)
  local all, deadline = {}, core.system.monotonic_ns() + (seconds or 10) * 1000000000
  while self.engine:pending() > 0 or #all == 0 do
    for _, result in ipairs(self:turn()) do all[#all + 1] = result end
    assert(core.system.monotonic_ns() < deadline, "no end: " .. self.engine:pending() .. " pending")
    if self.engine:pending() == 0 then
      for _, result in ipairs(self.engine:poll(0)) do all[#all + 1] = result end
      break
    end
  end
  return all
end

--- Submits one request and returns its result.
function served:one(request)
  self:submit(request)
  return self:run()[1]
end

function served:close()
  self.engine:close()
  self.server:close()
end

--- A secret of a known value.
function M.secret(value)
  return assert(core.secret.command("printf '%s' '" .. value .. "'"))
end

return M
