-- A one_of is named like a tag.
-- finds: similar-names 4
fields { orders = integer }
one_of "Tier" { { "tier", function(user) return user.orders > 9 end }, { "B", otherwise } }
