-- A member of a one_of is a tag already.
-- finds: two-owners 5
fields { orders = integer }
tag "Gold" { when = function(user) return user.orders > 9 end }
one_of "Tier" { { "Gold", otherwise } }
