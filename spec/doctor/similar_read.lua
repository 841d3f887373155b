-- A rule reads a tag by nearly the name of another.
-- finds: similar-names 5
fields { tags = tagset, orders = integer }
tag "VIP" { when = function(user) return user.orders > 9 end }
tag "Reached" { when = function(user) return not user.tags["vip"] end }
