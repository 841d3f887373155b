-- Two folders differ in case.
-- finds: similar-names 5
fields { orders = integer }
tag "A" { folder = "Value", when = function(user) return user.orders > 9 end }
tag "B" { folder = "value", when = function(user) return user.orders > 8 end }
