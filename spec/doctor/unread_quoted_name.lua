-- A field with a name in brackets is not read.
-- finds: unread-field 5
fields {
  orders = integer,
  ["Last order"] = date,
}
tag "VIP" { when = function(user) return user.orders > 9 end }
