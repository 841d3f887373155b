-- Tags from inside a web application: whoever logs in gets the tag "Member", and no request waits for it.
--
--    lua5.4 app.lua PORT [CONNECTION]
--    curl -d user=U21ab30ccce78feb456048adeb80cf00a http://127.0.0.1:PORT/login
--
-- The server is cqueues' (the package lua-cqueues). What matters is the same in any: a request calls `ensure`,
-- which begins an operation and returns at once; one coroutine waits for the connection's descriptors and takes
-- the results; the end waits for what is under way. Twenty logins of one user make one call.
local condition = require("cqueues.condition")
local cqueues = require("cqueues")
local signal = require("cqueues.signal")
local socket = require("cqueues.socket")
local tagua = require("tagua")

local port = tonumber(arg[1])
if not port then
  io.stderr:write("usage: lua5.4 app.lua PORT [CONNECTION]\n")
  os.exit(2)
end

local loop = cqueues.new()
local stopping = false

-- The tagging ------------------------------------------------------------------------------------

local shop = assert(tagua.connect(arg[2] or "local"))
local member = assert(shop:create_tag("Member")) -- before the first request: this call waits
local asked = {} -- user -> true: under way, or done
local tagged, failed = 0, 0
local news = condition.new() -- somebody began an operation, or the end has come

-- Sees to it that the user gets the tag. Returns at once.
local function ensure(user)
  if asked[user] then return end
  asked[user] = true
  shop:start({ "tag", user = user, tag = member.id })
  news:signal()
end

-- Takes what has come. A failure is written down, and the next login tries again.
local function take()
  for _, result in ipairs(shop:poll(0)) do
    if result.ok then
      tagged = tagged + 1
    else
      failed, asked[result.operation.user] = failed + 1, nil
      io.stderr:write(result.message, "\n")
    end
  end
end

loop:wrap(function()
  while not stopping or shop:pending() > 0 do
    local fds, seconds = shop:pollfds()
    local events = { news }
    for i, fd in ipairs(fds) do events[i + 1] = { pollfd = fd, events = "r" } end
    events[#events + 1] = seconds
    cqueues.poll(table.unpack(events))
    take()
  end
end)

-- The application --------------------------------------------------------------------------------

local pages = {
  ["POST /login"] = function(form)
    local user = form:match("user=([%w_%-]+)")
    if not user then return "400 Bad Request", "who are you?\n" end
    ensure(user)
    return "200 OK", "welcome\n"
  end,
  ["GET /count"] = function()
    return "200 OK", ("%d tagged, %d failed\n"):format(tagged, failed)
  end,
}

local function read_request(client)
  local method, path = (client:read("*l") or ""):match("^(%u+) (%S+) HTTP/1%.%d\r?$")
  if not method then return nil end
  local length = 0
  for line in client:lines("*l") do
    if line:find("^\r?$") then break end
    length = math.tointeger(line:lower():match("^content%-length: *(%d+)")) or length
  end
  if length > 10000 then return nil end
  return method .. " " .. path, length > 0 and client:read(length) or ""
end

local server = assert(socket.listen("127.0.0.1", port))
loop:wrap(function()
  while not stopping do
    local client = server:accept(0.2)
    if client then
      loop:wrap(function()
        client:setmode("b", "bf")
        client:settimeout(5)
        client:onerror(function(_, _, code) return code end)
        local request, form = read_request(client)
        local page = pages[request]
        local status, body = "404 Not Found", "there is no such page\n"
        if page then status, body = page(form) end
        client:write(("HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"):format(status, #body, body))
        client:flush()
        client:close()
      end)
    end
  end
end)

signal.block(signal.SIGTERM, signal.SIGINT)
loop:wrap(function()
  signal.listen(signal.SIGTERM, signal.SIGINT):wait()
  stopping = true
  news:signal()
end)

assert(loop:loop())
print(("%d tagged, %d failed, %d calls"):format(tagged, failed, shop:stats().sent - 1)) -- one made the tag
shop:close()
