-- A text is always unequal to a number.
-- finds: mixed-types 4
fields { zip = text }
tag "T" { when = function(user) return user.zip ~= 100 end }
