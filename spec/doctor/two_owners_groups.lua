-- Two one_of share a member.
-- finds: two-owners 5
fields { orders = integer }
one_of "A" { { "Gold", function(user) return user.orders > 9 end }, { "Silver", otherwise } }
one_of "B" { { "Gold", function(user) return user.orders > 9 end }, { "Bronze", otherwise } }
