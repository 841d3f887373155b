-- Both use one helper.
-- finds: never-wins 7
fields { orders = integer }
local function many(user) return user.orders > 9 end
one_of "Tier" {
  { "A", many },
  { "B", function(user) return many(user) and user.orders > 20 end },
  { "C", otherwise },
}
