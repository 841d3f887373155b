-- A column is empty.
-- finds: never-decided 8
--| id,spend
--| U1,
--| U2,
--| U3,
fields { spend = number }
tag "Rich" { when = function(user) return user.spend > 100 end }
