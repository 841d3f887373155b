-- Two fields are declared for nothing.
-- finds: unread-field 5, unread-field 6
fields {
  orders = integer,
  spend = number { if_empty = 0 },
  city = text { from = "城市" },
}
tag "VIP" { when = function(user) return user.orders > 9 end }
