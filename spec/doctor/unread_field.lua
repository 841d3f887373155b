-- A field is declared for nothing.
-- finds: unread-field 5
fields {
  orders = integer,
  city = text,
}
tag "VIP" { when = function(user) return user.orders > 9 end }
