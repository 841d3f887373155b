-- What the sweep runs while allocations are refused: a rule file in the caller's own state.
package.path = "lua/?.lua;lua/?/init.lua"
local load = require("tagua.rules").load
collect()
local rules = assert(load({ name = "rules.lua", source = [[
fields { orders = integer, city = text }
tag "VIP" { when = function(user) return user.orders >= 10 end }
one_of "Where" { { "North", function(user) return user.city == "台北" end }, { "South", otherwise } }
]] }))
local tags, info = rules:decide({ orders = 12, city = "台北" }, 0)
if next(info.failed) then error(select(2, next(info.failed)), 0) end -- a rule that had no memory has failed
assert(tags.VIP == true and tags.North == true and tags.South == false)
