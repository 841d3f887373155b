-- An option is misspelt.
-- finds: unknown-name 4
fields { orders = integer }
tag "VIP" { wehn = function(user) return user.orders > 9 end }
