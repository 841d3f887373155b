-- Two members have the same condition.
-- finds: never-wins 6
fields { city = text }
one_of "Region" {
  { "North", function(user) return user.city == "台北" end },
  { "Capital", function(user) return user.city == "台北" end },
}
