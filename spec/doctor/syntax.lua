-- A brace is missing.
-- finds: syntax 4
fields { orders = integer
tag "VIP" { when = function(user) return user.orders > 9 end }
