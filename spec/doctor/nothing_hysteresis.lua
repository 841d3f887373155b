-- Another tag may be read.
-- finds: nothing
fields { tags = tagset, orders = integer }
tag "VIP" { when = function(user) return user.orders > 9 end }
tag "Reached" { when = function(user) return not user.tags["Blocked"] end }
