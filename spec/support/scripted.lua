--- A server whose answers a spec writes itself: real HTTP over a real socket, in this process.
local core = require("tagua.core")

local M = {}

local Scripted = {}
Scripted.__index = Scripted

--- Starts to listen.
-- @tparam function answer(request, number) gives the reply, as request:reply takes it; or a string,
--   the body of a 200
-- @tparam[opt] string address
-- @treturn scripted with `requests`, the list of { method, path, query, headers, body, bearer } so far
function M.start(answer, address)
  local server = assert(core.server.listen({ address = address or "127.0.0.1:0" }))
  return setmetatable({ server = server, answer = answer, requests = {} }, Scripted)
end

--- Where it listens, as a connection's `url` takes it.
function Scripted:url()
  local address = self.server:address()
  return address:find("^unix:") and address or "http://" .. address
end

--- What to wait on.
function Scripted:fd() return self.server:fd() end

--- Answers what is waiting.
function Scripted:step()
  for _, request in ipairs(self.server:step()) do
    self.requests[#self.requests + 1] = {
      method = request.method,
      path = request.path,
      query = request.query,
      headers = request.headers,
      body = request.body,
      bearer = request:bearer_sha256(),
    }
    local reply = self.answer(request, #self.requests)
    if type(reply) == "string" then reply = { body = reply } end
    reply.headers = reply.headers or { ["Content-Type"] = "application/json" }
    request:reply(reply)
  end
end

--- Stops listening.
function Scripted:close() self.server:close() end

--- Lets a connection look after the server while it waits, as it does for the local twin.
function Scripted:attach(connection)
  connection.twin = self
  return connection
end

return M
