-- Two tags have one name.
-- finds: two-owners 5
fields { orders = integer }
tag "VIP" { when = function(user) return user.orders > 9 end }
tag "VIP" { when = function(user) return user.orders > 8 end }
