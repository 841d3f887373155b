-- A member of a one_of compares.
-- finds: mixed-types 5
fields { level = text }
one_of "Tier" {
  { "Gold", function(user) return user.level == 3 end },
  { "None", otherwise },
}
