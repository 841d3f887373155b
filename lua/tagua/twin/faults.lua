--- The trouble that a twin makes on purpose: which requests it befalls, and what it does to them. Pure.
--
-- A faults file is JSON:
--
--    { "seed": 7,
--      "quirks": { "error_status": 200 },
--      "faults": [
--        { "do": "throttle", "retry_after": 1, "path": "/v1/api/user/tag", "first": 3 },
--        { "do": "drop_after_work", "every": 7, "times": 10 },
--        { "do": "error", "status": 503, "from": 2, "until": 4 },
--        { "do": "slow", "seconds": 0.2, "probability": 0.1 } ] }
--
-- For each request the first fault that selects it acts. What selects (all that are given must hold):
--
-- * `path`: the path as it is sent; a `*` at its end stands for any rest
-- * `method`: `"POST"`
-- * `from`, `until`: seconds since the twin began; from is included, until is not
-- * `skip`: not the first N of the requests that fit the above
-- * `first`: only the first N of those that are left
-- * `every`: of those, each Nth
-- * `probability`: of those, this share, drawn with `seed`
-- * `times`: at most N in all
--
-- What it does:
--
-- * `throttle`: 429, with the header Retry-After where `retry_after` (seconds) is given
-- * `error`: HTTP `status` (500) and the platform's envelope with `code` (the status) and `message`; or
--   `body` as it stands, as `content_type`. With `"work": true` the work is done first.
-- * `error_in_200`: HTTP 200 with the envelope of an error: `code` (500), `message`, `work`
-- * `drop`: the connection ends without an answer, nothing was done; `"reset": true` ends it by a reset
-- * `drop_after_work`: the same after the work was done and is durable
-- * `slow`: the work is done, the answer comes after `seconds`, its body at `bytes_per_second`
-- * `broken_json`: the work is done, the answer's JSON ends in the middle
-- * `cut`: the work is done, the connection ends in the middle of the answer's body
-- * `large`: the work is done, the answer is filled up with `bytes` (2 MiB) of blanks
-- * `expired`: 401, as for a token whose time is over
--
-- The quirks set what the platforms' documents leave open; each platform's module lists its own.
-- @module tagua.twin.faults
local cjson = require("cjson")
local options = require("tagua.options")

local M = {}

local Faults = {}
Faults.__index = Faults

local FAULT = {
  ["do"] = { type = "string", required = true, one_of = { "throttle", "error", "error_in_200", "drop",
    "drop_after_work", "slow", "broken_json", "cut", "large", "expired" } },
  path = { type = "string" },
  method = { type = "string" },
  from = { type = "number", min = 0 },
  ["until"] = { type = "number", min = 0 },
  skip = { type = "integer", min = 0 },
  first = { type = "integer", min = 0 },
  every = { type = "integer", min = 1 },
  probability = { type = "number", min = 0, max = 1 },
  times = { type = "integer", min = 0 },
  retry_after = { type = "integer", min = 0, max = 86400 },
  status = { type = "integer", min = 200, max = 599 },
  code = { type = "integer" },
  message = { type = "string" },
  body = { type = "string" },
  content_type = { type = "string" },
  work = { type = "boolean" },
  reset = { type = "boolean" },
  seconds = { type = "number", min = 0, max = 3600 },
  bytes_per_second = { type = "integer", min = 1 },
  bytes = { type = "integer", min = 1, max = 256 * 1024 * 1024 },
}

--- What a fault may say, as tagua.options takes it.
M.declaration = FAULT

-- What is decided before any work is done, unless `work` says otherwise.
local WITHOUT_WORK = { throttle = true, error = true, error_in_200 = true, drop = true, expired = true }

local function from_table(given, what)
  local top, complaint = options.verify(what, given, {
    seed = { type = "integer", default = 1 },
    quirks = { type = "table", default = {} },
    faults = { type = "table", default = {} },
  })
  if not top then return nil, complaint, "ECONFIG" end
  local list = {}
  for i, given_fault in ipairs(top.faults) do
    local fault
    fault, complaint = options.verify(("%s: fault %d"):format(what, i), given_fault, FAULT)
    if not fault then return nil, complaint, "ECONFIG" end
    fault.seen, fault.fired = 0, 0
    fault.before_work = WITHOUT_WORK[fault["do"]] and not fault.work
    if fault.path and fault.path:sub(-1) == "*" then
      fault.prefix, fault.path = fault.path:sub(1, -2), nil
    end
    list[i] = fault
  end
  return setmetatable({ list = list, quirks = top.quirks, state = top.seed, fired = 0 }, Faults)
end

--- Reads faults out of a file or a table of the same form.
-- @tparam string|table|nil source
-- @treturn table|nil
-- @treturn string what is wrong, and where
-- @treturn string ECONFIG or EIO
function M.open(source)
  if type(source) ~= "string" then return from_table(source or {}, "faults") end
  local file, message = io.open(source, "rb")
  if not file then return nil, ("cannot read the faults file: %s"):format(message), "EIO" end
  local text = file:read(1024 * 1024) or ""
  file:close()
  local ok, given = pcall(cjson.decode, text)
  if not ok or type(given) ~= "table" then
    return nil, ("the faults file '%s' is not a JSON object: %s"):format(source, tostring(given)), "ECONFIG"
  end
  return from_table(given, ("the faults file '%s'"):format(source))
end

-- A number from 0 to 1 out of the seed alone: splitmix64.
local function draw(self)
  self.state = self.state + 0x9E3779B97F4A7C15
  local z = self.state
  z = (z ~ (z >> 30)) * 0xBF58476D1CE4E5B9
  z = (z ~ (z >> 27)) * 0x94D049BB133111EB
  return ((z ~ (z >> 31)) >> 11) / (1 << 53)
end

local function selects(self, fault, method, path, seconds)
  if fault.method and fault.method ~= method then return false end
  if fault.path and fault.path ~= path then return false end
  if fault.prefix and path:sub(1, #fault.prefix) ~= fault.prefix then return false end
  if fault.from and seconds < fault.from then return false end
  if fault["until"] and seconds >= fault["until"] then return false end
  if fault.times and fault.fired >= fault.times then return false end
  fault.seen = fault.seen + 1
  local number = fault.seen - (fault.skip or 0)
  if number <= 0 then return false end
  if fault.first and number > fault.first then return false end
  if fault.every and number % fault.every ~= 0 then return false end
  return not fault.probability or draw(self) < fault.probability
end

--- The fault that befalls a request.
-- @tparam string method
-- @tparam string path
-- @tparam number seconds since the twin began
-- @treturn table|nil fault; its field `before_work` says that the request is not carried out
function Faults:pick(method, path, seconds)
  for _, fault in ipairs(self.list) do
    if selects(self, fault, method, path, seconds) then
      fault.fired = fault.fired + 1
      self.fired = self.fired + 1
      return fault
    end
  end
  return nil
end

local bend = {
  throttle = function(fault, _, refuse)
    local reply = refuse(429, "too many requests")
    if fault.retry_after then reply.headers = M.with(reply.headers, "Retry-After", tostring(fault.retry_after)) end
    return reply
  end,
  error = function(fault, _, refuse)
    local status = fault.status or 500
    local reply = refuse(fault.code or status, fault.message or "something went wrong on purpose")
    reply.status = status
    if fault.body then reply.body = fault.body end
    if fault.content_type then reply.headers = M.with(reply.headers, "Content-Type", fault.content_type) end
    return reply
  end,
  error_in_200 = function(fault, _, refuse)
    local reply = refuse(fault.code or 500, fault.message or "something went wrong on purpose")
    reply.status = 200
    return reply
  end,
  drop = function(fault) return { drop = fault.reset and "reset" or true } end,
  slow = function(fault, reply)
    reply.after = fault.seconds
    reply.bytes_per_second = fault.bytes_per_second
    return reply
  end,
  broken_json = function(_, reply)
    reply.body = reply.body:sub(1, #reply.body // 2)
    return reply
  end,
  cut = function(_, reply)
    reply.cut = #reply.body // 2
    return reply
  end,
  large = function(fault, reply)
    reply.body = reply.body .. (" "):rep(fault.bytes or 2 * 1024 * 1024)
    return reply
  end,
  expired = function(_, _, refuse) return refuse(401, "the token has expired") end,
}
bend.drop_after_work = bend.drop

--- What a fault makes of an answer.
-- @tparam table fault
-- @tparam table|nil reply the honest answer, where the work was done; may be changed
-- @tparam function refuse (code, message) -> an answer in the platform's envelope of errors
-- @treturn table the answer to give
function M.bend(fault, reply, refuse) return bend[fault["do"]](fault, reply, refuse) end

--- A copy of headers with one more.
-- @tparam table|nil headers
-- @tparam string name
-- @tparam string value
function M.with(headers, name, value)
  local copy = { [name] = value }
  for other, its_value in pairs(headers or {}) do
    if other ~= name then copy[other] = its_value end
  end
  return copy
end

return M
