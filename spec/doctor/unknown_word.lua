-- A word is misspelt.
-- finds: unknown-name 4
fields { orders = integer }
tga "VIP" { when = function(user) return user.orders > 9 end }
