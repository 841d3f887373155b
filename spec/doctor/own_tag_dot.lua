-- By a name without brackets.
-- finds: own-tag 4
fields { tags = tagset, orders = integer }
tag "VIP" { when = function(user) return user.orders > 9 and not user.tags.VIP end }
