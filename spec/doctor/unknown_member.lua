-- A function of a library is misspelt inside a rule.
-- finds: unknown-name 6
fields { spend = number }
tag "Round" {
  when = function(user)
    return user.spend > 1 and math.flor(user.spend) == user.spend
  end,
}
