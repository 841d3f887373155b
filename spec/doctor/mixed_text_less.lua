-- A text is compared with a number by size.
-- finds: mixed-types 4
fields { phone = text }
tag "T" { when = function(user) return user.phone > 900 end }
