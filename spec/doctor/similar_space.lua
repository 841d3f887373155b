-- An ideographic space.
-- finds: similar-names 5
fields { orders = integer }
tag "New buyer" { when = function(user) return user.orders == 1 end }
tag "New　buyer" { when = function(user) return user.orders == 2 end }
