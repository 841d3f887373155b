-- Two fields differ in case.
-- finds: similar-names 5
fields {
  City = text,
  city = text,
}
tag "A" { when = function(user) return user.City == "台北" or user.city == "台北" end }
