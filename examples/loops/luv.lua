-- Tags from inside a luv program: an operation is begun with a function to call when its result is there.
--
--    lua5.4 luv.lua [CONNECTION]      a connection of connections.lua, or the twin in the process
local tagua = require("tagua")
local uv = require("luv")

local shop = assert(tagua.connect(arg[1] or "local"))
local vip = assert(shop:create_tag("VIP")) -- before the loop runs: this call waits

local timer = uv.new_timer()
local polls = {}
local callbacks = {} -- operation -> whom to tell

-- Takes what there is, and says when to be called again.
local function turn()
  for _, result in ipairs(shop:poll(0)) do
    local callback = callbacks[result.operation]
    callbacks[result.operation] = nil
    callback(result)
  end
  local _, seconds = shop:pollfds()
  timer:stop()
  if seconds then timer:start(math.ceil(seconds * 1000), 0, turn) end
end

-- The descriptors stay the same: each is watched once, for as long as the connection is open.
for i, fd in ipairs((shop:pollfds())) do
  polls[i] = uv.new_poll(fd)
  polls[i]:start("r", turn)
end

local function perform(operation, callback)
  callbacks[operation] = callback
  shop:start(operation)
  timer:start(0, 0, turn)
end

-- The program's own business: three customers, who log in when they like.
local left = 3
for i = 1, left do
  local login = uv.new_timer()
  login:start(i * 10, 0, function()
    login:close()
    perform({ "tag", user = ("U%032x"):format(i), tag = vip.id }, function(result)
      print(("customer %d: %s"):format(i, result.ok and "tagged" or result.message))
      left = left - 1
      if left == 0 then uv.stop() end
    end)
  end)
end

uv.run()
timer:close()
for _, poll in ipairs(polls) do
  poll:close() -- before the descriptors go
end
uv.run() -- until luv has let go of them
shop:close()
