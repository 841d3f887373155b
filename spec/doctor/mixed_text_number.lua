-- A text is compared with a number.
-- finds: mixed-types 4
fields { city = text }
tag "T" { when = function(user) return user.city == 100 end }
