-- A tag depends on itself.
-- finds: own-tag 4
fields { tags = tagset, orders = integer }
tag "VIP" { when = function(user) return user.tags["VIP"] or user.orders > 9 end }
