-- Helpers stand in a table, and in a table in it.
-- finds: nothing
fields { orders = integer, city = text, spend = number }
local H = { deep = {} }
function H.many(user) return user.orders > 9 end
function H.deep.north(user) return user.city == "台北" end
local meta = { __index = function(_, name) return function(user) return user.spend > #name end end }
local made = setmetatable({}, meta)
tag "VIP" { when = function(user) return H.many(user) and H.deep.north(user) and made.anything(user) end }
