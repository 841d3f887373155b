-- A helper is misspelt where no made-up user gets.
-- finds: unknown-name 7
fields { joined = date, orders = integer }
tag "New" {
  when = function(user)
    if user.orders == 4711 then
      return days_snce(user.joined) < 30
    end
    return false
  end,
}
