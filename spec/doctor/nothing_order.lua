-- Narrow before wide.
-- finds: nothing
fields { spend = number }
one_of "Tier" {
  { "Gold", function(user) return user.spend >= 50000 end },
  { "Silver", function(user) return user.spend >= 10000 end },
  { "Bronze", otherwise },
}
