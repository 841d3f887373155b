--- Passes webhooks on to whoever had the address before: at once, whatever becomes of them here.
--
-- One line of connections for each address. What waits is bounded, each exchange has its time, and nobody waits for
-- it: the platform is answered meanwhile. The body goes as it came, with its signature and its type, and nothing of
-- ours goes with it.
-- @module tagua.serve.forward
local core = require("tagua.core")
local logs = require("tagua.serve.log")
local options = require("tagua.options")

local M = {}

local Forward = {}
Forward.__index = Forward

local OPEN = {
  log = { type = "table" },
  count = { type = "function" },
  connections = { type = "integer", min = 1, max = 64, default = 8 },
  waiting = { type = "integer", min = 1, max = 1000000, default = 10000 },
  bytes = { type = "integer", min = 1, max = 1 << 30, default = 64 << 20 },
  timeout = { type = "number", min = 0.01, max = 3600, default = 10 },
  ca_file = { type = "string", min = 1 },
}

--- Makes a forward.
-- @tparam[opt] table given `log`; `count(outcome)` for each that is over (`done`, `failed`, `dropped`);
--   `connections`, `waiting`, `bytes`, `timeout` (seconds for one), for each address; `ca_file`: whom to trust
--   instead of the system's list
-- @treturn table
function M.open(given)
  local o = options.check("forward.open", given, OPEN, 2)
  o.log = o.log or logs.open()
  o.count = o.count or function() end
  return setmetatable({ options = o, lines = {}, list = {}, number = 0, waits = {} }, Forward)
end

-- "https://host:1/path?x" -> "https://host:1", "/path?x".
local function split(url)
  local base, rest = url:match("^(%a+://[^/?#]+)([^#]*)")
  if not base then return url, "/" end
  if rest:sub(1, 1) ~= "/" then rest = "/" .. rest end
  return base, rest
end

--- The host that an address names, for messages: its path may be a secret of whoever gave it.
-- @tparam string url
-- @treturn string
function M.host(url) return (split(url)) end

-- The line of connections to an address.
local function line_to(self, url)
  local line = self.lines[url]
  if line then return line end
  local o = self.options
  local base, path = split(url)
  local handle, message, code = core.forward.open({
    base = base, path = path, connections = o.connections, waiting = o.waiting, bytes = o.bytes, timeout = o.timeout,
    ca_file = o.ca_file,
  })
  if not handle then return nil, message, code end
  line = { handle = handle, host = base }
  self.lines[url] = line
  self.list[#self.list + 1] = line
  return line
end

local function failed(self, host, connection, outcome, why, status)
  self.options.count(outcome)
  self.options.log:seldom("error", "forward", "a webhook was not passed on: " .. why,
    { to = host, connection = connection, status = status })
end

--- Passes a request on.
-- @tparam string url
-- @tparam table letter `body`; `headers` by name; `connection`, for the log
-- @treturn boolean whether it was taken; the log says why not
function Forward:send(url, letter)
  local line, message = line_to(self, url)
  if not line then
    failed(self, M.host(url), letter.connection, "failed", message)
    return false
  end
  local headers = {}
  for name, value in pairs(letter.headers or {}) do
    headers[#headers + 1] = name .. ": " .. value
  end
  self.number = self.number + 1
  local taken
  taken, message = line.handle:send(self.number, letter.body, headers)
  if taken then
    self.waits[self.number] = letter.connection or false
    return true
  end
  failed(self, line.host, letter.connection, "dropped", message or "too many wait to be passed on already")
  return false
end

--- Moves what is under way, and returns at once.
function Forward:step()
  for _, line in ipairs(self.list) do
    if line.handle:pending() > 0 then
      local over, message = line.handle:step()
      if not over then
        self.options.log:seldom("error", "forward", message, { to = line.host })
        over = {}
      end
      for _, result in ipairs(over) do
        local connection = self.waits[result.number] or nil
        self.waits[result.number] = nil
        if result.done then
          self.options.count("done")
        else
          failed(self, line.host, connection, "failed", result.trouble, result.status)
        end
      end
    end
  end
end

--- What to wait for.
-- @tparam {integer,...} descriptors more are added to it
-- @tparam number seconds that the waiting would take
-- @treturn number how long it may
function Forward:watch(descriptors, seconds)
  for _, line in ipairs(self.list) do
    if line.handle:pending() > 0 then
      local descriptor, timeout = line.handle:fd()
      if descriptor then descriptors[#descriptors + 1] = descriptor end
      seconds = math.min(seconds, timeout or seconds)
    end
  end
  return seconds
end

--- How many wait or are under way.
-- @treturn integer
function Forward:pending()
  local count = 0
  for _, line in ipairs(self.list) do
    count = count + line.handle:pending()
  end
  return count
end

--- Drops what waits. Twice is fine.
function Forward:close()
  for _, line in ipairs(self.list) do
    line.handle:close()
  end
  self.list, self.lines = {}, {}
end

return M
