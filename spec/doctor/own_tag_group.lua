-- A member reads another member of its one_of.
-- finds: own-tag 6
fields { tags = tagset, orders = integer }
one_of "Tier" {
  { "Gold", function(user) return user.orders > 9 end },
  { "Once gold", function(user) return user.tags["Gold"] end },
}
