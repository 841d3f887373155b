-- The wider condition stands first.
-- finds: never-wins 6
fields { spend = number }
one_of "Tier" {
  { "Silver", function(user) return user.spend >= 10000 end },
  { "Gold", function(user) return user.spend >= 50000 end },
}
