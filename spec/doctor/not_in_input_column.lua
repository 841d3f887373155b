-- The input has no such column.
-- finds: not-in-input 7
--| id,order_count
--| U1,3
--| U2,12
fields {
  orders = integer,
}
tag "VIP" { when = function(user) return user.orders > 9 end }
