-- No record has the key.
-- finds: not-in-input 6
--| {"id": "U1", "city": "台北"}
--| {"id": "U2", "city": "高雄"}
fields {
  orders = integer,
  city = text,
}
tag "VIP" { when = function(user) return has(user, "orders") and user.orders > 9 or user.city == "台北" end }
