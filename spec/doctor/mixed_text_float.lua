-- A text is compared with a fraction.
-- finds: mixed-types 4
fields { rate = text }
tag "T" { when = function(user) return user.rate == 0.25 end }
