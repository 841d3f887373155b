-- Makes members out of friends: what a sign-up form does when somebody enters their member number in the
-- chat. Ten of the eleven in the export have done so.
--
--    lua5.4 members.lua
local tagua = require("tagua")

local shop = assert(tagua.connect("local"))
local operations = {}
for i = 1, 10 do
  operations[i] = { "set_params", user = ("U%08x%024x"):format(0x9E3779B1 * i & 0xFFFFFFFF, i),
    params = { ["會員編號"] = ("M%04d"):format(i) } }
end
for result in shop:perform(operations) do
  assert(result.ok, result.message)
end
shop:close()
