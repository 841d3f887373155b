-- A boolean is compared with a number.
-- finds: mixed-types 4
fields { newsletter = boolean }
tag "T" { when = function(user) return user.newsletter == 1 end }
