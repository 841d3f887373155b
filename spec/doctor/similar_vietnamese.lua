-- Letters with two marks.
-- finds: similar-names 5
fields { orders = integer }
tag "Tiếng" { when = function(user) return user.orders > 9 end }
tag "Tiếng" { when = function(user) return user.orders > 8 end }
