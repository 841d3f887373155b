-- A local of a function is used outside of it.
-- finds: unknown-name 8
fields { orders = integer }
local function limit_of()
  local limit = 9
  return limit
end
tag "VIP" { when = function(user) return user.orders > limit_of() and user.orders > limit end }
