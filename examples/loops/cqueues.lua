-- Tags from inside a cqueues program: who asks for an operation waits for its result, everybody else goes on.
--
--    lua5.4 cqueues.lua [CONNECTION]      a connection of connections.lua, or the twin in the process
local condition = require("cqueues.condition")
local cqueues = require("cqueues")
local tagua = require("tagua")

local shop = assert(tagua.connect(arg[1] or "local"))
local vip = assert(shop:create_tag("VIP")) -- before the loop runs: this call waits

local loop = cqueues.new()
local asked = condition.new() -- somebody began an operation
local waiting = {} -- operation -> who waits for its result

-- Carries out one operation; the calling coroutine waits, no other does.
local function perform(operation)
  local answered = condition.new()
  waiting[operation] = answered
  shop:start(operation)
  asked:signal()
  answered:wait()
  local result = waiting[operation]
  waiting[operation] = nil
  return result
end

-- The one coroutine that looks after the connection.
local customers = 3
loop:wrap(function()
  while customers > 0 do
    local fds, seconds = shop:pollfds()
    local events = { asked }
    for i, fd in ipairs(fds) do
      events[i + 1] = { pollfd = fd, events = "r" }
    end
    events[#events + 1] = seconds
    cqueues.poll(table.unpack(events))
    for _, result in ipairs(shop:poll(0)) do
      local answered = waiting[result.operation]
      waiting[result.operation] = result
      answered:signal()
    end
  end
end)

-- The program's own business: three customers, who log in when they like.
for i = 1, customers do
  loop:wrap(function()
    cqueues.sleep(i / 100)
    local result = perform({ "tag", user = ("U%032x"):format(i), tag = vip.id })
    print(("customer %d: %s"):format(i, result.ok and "tagged" or result.message))
    customers = customers - 1
    asked:signal()
  end)
end

assert(loop:loop())
shop:close()
