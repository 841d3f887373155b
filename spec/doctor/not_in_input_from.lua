-- The column has another name than from says.
-- finds: not-in-input 7
--| id,訂單
--| U1,3
--| U2,12
fields {
  orders = integer { from = "訂單數" },
}
tag "VIP" { when = function(user) return user.orders > 9 end }
