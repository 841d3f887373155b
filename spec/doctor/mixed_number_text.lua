-- A number is compared with a text.
-- finds: mixed-types 4
fields { spend = number }
tag "T" { when = function(user) return user.spend >= "3000" end }
