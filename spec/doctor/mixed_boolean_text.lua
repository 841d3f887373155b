-- A boolean is compared with a text.
-- finds: mixed-types 4
fields { newsletter = boolean }
tag "T" { when = function(user) return user.newsletter == "yes" end }
