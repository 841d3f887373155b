-- What runs with the collector at its most aggressive: the module over a twin in the process, with
-- connections that are dropped with transfers under way, coroutines that never come back, results that
-- nobody takes.
package.path = "lua/?.lua;lua/?/init.lua"
local tagua = require("tagua")
local rules = require("tagua.rules")

local function connect() return assert(tagua.connect({ platform = "local", store = ":memory:" })) end
local function operations(tag, count)
  local list = {}
  for i = 1, count do list[i] = { "tag", user = ("U%04d"):format(i), tag = tag } end
  return list
end

connect():close() -- what is loaded when it is first used, is loaded
collect()

local shop = connect()
local tag = assert(shop:create_tag("標籤", { folder = assert(shop:create_folder("F")).id })).id
local done = 0
for result in shop:perform(operations(tag, 200), { in_flight = 16 }) do
  assert(result.ok, result.message)
  done = done + 1
end
assert(done == 200)
assert(#assert(shop:user_tags("U0007")) == 1)
local seen = 0
for user in shop:users() do
  assert(user.id:find("^U%d%d%d%d$"), user.id)
  seen = seen + 1
end
assert(seen == 200)
local none, message, code = shop:get_tag("tag-nowhere")
assert(none == nil and message:find("tag%-nowhere") and code == "ENOTFOUND")
assert(not pcall(shop.tag_user, shop, nil, tag))

local co = coroutine.wrap(function()
  for result in shop:perform(operations(tag, 100)) do coroutine.yield(result) end
end)
assert(co().ok)
co = nil
for _, operation in ipairs(operations(tag, 100)) do shop:start(operation) end
shop:poll(0)
shop:pollfds()
shop:close()

local manta = assert(tagua.connect({ platform = "local", as = "mantago", store = ":memory:" }))
local other = assert(manta:create_tag("標籤")).id
for result in manta:perform(operations(other, 50), { in_flight = 8 }) do assert(result.ok, result.message) end
local members = 0
for user in manta:users() do members = members + #user.tags end
assert(members == 50)
manta:close()

local dropped = connect()
for _, operation in ipairs(operations("tag-1", 10)) do dropped:start(operation) end
dropped:poll(0)
dropped = nil

local segments = assert(rules.load({ name = "rules.lua", source = [[
fields { orders = integer, city = text, tags = tagset }
tag "VIP" { when = function(user) return user.orders >= 10 end }
one_of "Where" { { "North", function(user) return user.city == "台北" end }, { "South", otherwise } }
test "ten" { user = { orders = 10 }, expect = { VIP = true } }
]] }))
local tags = segments:decide({ orders = 12, city = "台北", tags = {} }, 0)
assert(tags.VIP == true and tags.North == true and tags.South == false)
assert(segments:test(0)[1].ok)
