-- The longer time stands first.
-- finds: never-wins 6
fields { joined = date }
one_of "Age" {
  { "Known", function(user) return days_since(user.joined) > 30 end },
  { "Old", function(user) return days_since(user.joined) > 365 end },
}
