-- The column differs in case.
-- finds: not-in-input 7
--| id,City
--| U1,台北
--| U2,高雄
fields {
  city = text,
}
tag "North" { when = function(user) return user.city == "台北" end }
