-- What stands behind otherwise is never asked.
-- finds: never-wins 4
fields { orders = integer }
one_of "Tier" { { "Bronze", otherwise }, { "Gold", function(user) return user.orders > 9 end } }
