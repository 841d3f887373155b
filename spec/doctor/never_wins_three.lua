-- The last of three is covered by both before it.
-- finds: never-wins 7
fields { orders = integer }
one_of "Tier" {
  { "Many", function(user) return user.orders >= 10 end },
  { "Few", function(user) return user.orders < 10 end },
  { "Some", function(user) return user.orders > 3 end },
}
