-- A member takes everybody.
-- finds: never-wins 6
fields { orders = integer }
one_of "Tier" {
  { "Bronze", function() return true end },
  { "Gold", function(user) return user.orders > 9 end },
}
