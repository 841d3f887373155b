-- A rule wants to print.
-- finds: unknown-name 6
fields { orders = integer }
tag "VIP" {
  when = function(user)
    if user.orders == 4711 then print("odd") end
    return user.orders > 9
  end,
}
