-- Two tags differ in case.
-- finds: similar-names 5
fields { orders = integer }
tag "VIP" { when = function(user) return user.orders > 9 end }
tag "vip" { when = function(user) return user.orders > 8 end }
