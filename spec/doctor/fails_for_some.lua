-- A rule raises for one user.
-- finds: fails 11
--| id,city,orders
--| U1,台北,1
--| U2,台北,2
--| U3,高雄,2
local rates = { ["台北"] = 2 }
fields { city = text, orders = integer }
tag "Rate" {
  when = function(user)
    return rates[user.city] * user.orders > 3
  end,
}
