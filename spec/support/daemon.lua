--- The whole daemon, as people run it: `tagua serve` in a folder of its own, asked over real sockets.
local command = require("spec.support.command")
local core = require("tagua.core")
local json = require("tagua.json")
local support = require("spec.support")

local M = {}

--- The bearer token of /events/local.
M.TOKEN = "a-token-of-the-shop's-own-systems"

--- Rules that count, so that an event which is lost or counted twice shows.
M.RULES = [[
timezone "UTC"
fields { purchases = count("purchase"), spend = sum("purchase", "amount") }
tag "Buyer" { when = function(user) return user.purchases > 0 end }
tag "Ten" { when = function(user) return user.purchases == 10 end }
tag "Too many" { when = function(user) return user.purchases > 10 end }
test "a purchase" { events = { { type = "purchase", at = "2026-11-20 09:00", amount = 1 } }, at = "2026-11-21 09:00",
  expect = { Buyer = true, Ten = false, ["Too many"] = false } }
]]

local CONNECTIONS = [[
connection "local" { platform = "local", hooks = { line = { secret = file "line.secret" }, events = { sha256 = "%s" } } }
serve { listen = "HOST:8090", admin = "HOST:8091" }
]]

-- An address of 127.0.0.0/8 for each folder: a part that is started again wants the port that it had.
local function host(folder)
  local number = tonumber(core.secret.sha256(folder):sub(1, 6), 16)
  return ("127.%d.%d.%d"):format(number >> 16 | 1, number >> 8 & 255, number & 127 | 1)
end

local Daemon = {}
Daemon.__index = Daemon

--- A folder with rules and connections; nothing runs yet. `close` it.
-- @tparam[opt] table given rules, connections: the texts, HOST for an address of its own; arguments: more of the command line
-- @treturn table
function M.new(given)
  given = given or {}
  local place = command.place()
  place:write("rules.lua", given.rules or M.RULES)
  local connections = given.connections or CONNECTIONS:format(core.secret.sha256(M.TOKEN))
  place:write("connections.lua", (connections:gsub("HOST", host(place.folder))))
  place:write("line.secret", "the-channel-secret\n")
  os.execute("chmod 600 " .. place.folder .. "/line.secret")
  return setmetatable({ place = place, folder = place.folder, arguments = given.arguments or "" }, Daemon)
end

--- Starts it and waits until it says that it serves.
-- @tparam[opt] string before assignments of environment variables
-- @treturn table the daemon; `said`: its first line
function Daemon:start(before)
  self.process = self.place:start("serve --rules rules.lua --json " .. self.arguments, before)
  local line = self.process:first_line()
  if not line then error("did not start:\n" .. self.process:file("err"), 2) end
  self.said = assert(json.decode(line))
  self.token = self.place:read("state/tagua/page.token"):gsub("\n", "")
  return self
end

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

--- Asks with curl -> status (0 where nobody answers), body.
-- @tparam string url
-- @tparam[opt] table how body, headers, socket
function Daemon:curl(url, how)
  how = how or {}
  local parts = { "curl -s -m 30 -w '\\n%{http_code}'", quoted(url) }
  for name, value in pairs(how.headers or {}) do parts[#parts + 1] = "-H " .. quoted(name .. ": " .. value) end
  if how.socket then parts[#parts + 1] = "--unix-socket " .. quoted(how.socket) end
  if how.body then
    local path = self.folder .. "/body-" .. core.system.random_hex(4)
    support.write(path, how.body)
    parts[#parts + 1] = "--data-binary @" .. path
  end
  local _, out = support.shell(table.concat(parts, " "))
  local body, status = out:match("^(.*)\n(%d+)$")
  return math.tointeger(tonumber(status)), body
end

--- Asks the admin address.
function Daemon:admin(path, without_token)
  return self:curl(self.said.admin .. path,
    { headers = not without_token and { Authorization = "Bearer " .. self.token } or nil })
end

--- Sends events of the shop's own systems -> status, body.
-- @tparam {table,...} events
function Daemon:send(events)
  local lines = {}
  for i, event in ipairs(events) do lines[i] = assert(json.encode(event)) end
  return self:curl(self.said.listen .. "/events/local", { headers = { Authorization = "Bearer " .. M.TOKEN },
    body = table.concat(lines, "\n") .. "\n" })
end

--- Sends a body as LINE does, signed -> status, body.
function Daemon:line(body)
  local path = support.write(self.folder .. "/webhook", body)
  local _, signature = support.shell(("openssl dgst -sha256 -hmac the-channel-secret -binary %s | base64"):format(path))
  return self:curl(self.said.listen .. "/hooks/line/local", { body = body,
    headers = { ["x-line-signature"] = signature:gsub("\n", "") } })
end

--- What the platform has: "user tag", with " xN" behind it where it was put on N times, in order.
-- @treturn {string,...}
function Daemon:tags()
  local rows = {}
  local out = self.place:sqlite("tagua-local.db", "select users.id || ' ' || tags.name || case count when 1 then '' else "
    .. "' x' || count end from user_tags join users on users.key = user_tags.user join tags on tags.key = user_tags.tag order by 1")
  for row in out:gmatch("[^\n]+") do rows[#rows + 1] = row end
  return rows
end

--- Waits until the platform has exactly this -> whether it came to that.
function Daemon:await_tags(expected)
  table.sort(expected)
  local found = table.concat(expected, "\n")
  return command.await(function() return table.concat(self:tags(), "\n") == found end) ~= nil, self:tags()
end

--- The value of a metric; nil where there is none.
function Daemon:metric(name)
  local _, text = self:admin("/metrics")
  local value = (text or ""):match("\n" .. name:gsub("%p", "%%%0") .. " ([^\n]*)")
  return tonumber(value)
end

--- The id of a part's process; nil where none runs.
-- @tparam string kind "intake" or "keeper"
function Daemon:part(kind)
  local _, out = support.shell(("ps -o pid=,args= --ppid %s"):format(self.process.pid))
  return out:match("(%d+)[^\n]*%-%-part " .. kind)
end

--- The lines of the log that have this event, decoded.
function Daemon:log(event)
  local found = {}
  for line in self.process:file("err"):gmatch("[^\n]+") do
    local said = json.decode(line)
    if said and said.event == event then found[#found + 1] = said end
  end
  return found
end

--- Sends a signal and waits for the end -> exit code, standard error.
function Daemon:stop(signal)
  self.process:signal(signal or "TERM")
  local code, _, err = self.process:wait()
  return code, err
end

--- Ends what runs, and removes the folder.
function Daemon:close() self.place:close() end

return M
