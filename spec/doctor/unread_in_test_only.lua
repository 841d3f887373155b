-- Only a test names the field.
-- finds: unread-field 5
fields {
  orders = integer,
  city = text,
}
tag "VIP" { when = function(user) return user.orders > 9 end }
test "t" { user = { orders = 10, city = "台北" }, expect = { VIP = true } }
