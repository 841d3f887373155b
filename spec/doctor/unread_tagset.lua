-- The tags of a user are declared and not read.
-- finds: unread-field 4
fields {
  tags = tagset,
  orders = integer }
tag "VIP" { when = function(user) return user.orders > 9 end }
