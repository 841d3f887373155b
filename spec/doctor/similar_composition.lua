-- Two tags differ in how a letter is composed.
-- finds: similar-names 5
fields { orders = integer }
tag "Café" { when = function(user) return user.orders > 9 end }
tag "Café" { when = function(user) return user.orders > 8 end }
