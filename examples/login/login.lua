-- Tags from inside a program that answers requests: whoever logs in gets a tag, and nobody waits for it.
--
--    lua5.4 login.lua [CONNECTION] < requests
--
-- A request is a line "USER PATH"; in a web server it would come from its socket. What matters: `handle`
-- begins an operation and answers at once, `turn` takes the results that have come, and the end waits for
-- the rest. A loop that can wait for descriptors uses pollfds (see ../loops).
local tagua = require("tagua")

local shop = assert(tagua.connect(arg[1] or "local"))
local member = assert(shop:create_tag("Member"))
local asked = {} -- who was asked for already: a user who logs in twenty times costs one call

local function handle(user, path)
  if path == "/login" and not asked[user] then
    asked[user] = true
    shop:start({ "tag", user = user, tag = member.id })
  end
  return "200 OK"
end

-- Takes what has come; a failure is written down, and the user may try again at the next login.
local function turn(seconds)
  for _, result in ipairs(shop:poll(seconds)) do
    if not result.ok then
      asked[result.operation.user] = nil
      io.stderr:write(result.message, "\n")
    end
  end
end

local requests, logins = 0, 0
for line in io.lines() do
  local user, path = line:match("^(%S+) (%S+)$")
  if user then
    handle(user, path)
    requests = requests + 1
  end
  turn(0)
end
while shop:pending() > 0 do
  turn(1)
end
for _ in pairs(asked) do
  logins = logins + 1
end
print(("%d requests, %d users tagged, %d calls"):format(requests, logins, shop:stats().sent - 1))
shop:close()
