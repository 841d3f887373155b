-- A text is compared with a large number.
-- finds: mixed-types 4
fields { code = text }
tag "T" { when = function(user) return user.code == 10000000 end }
