-- No value fits the type.
-- finds: never-decided 8
--| id,spend
--| U1,NT$30
--| U2,NT$90
--| U3,NT$7
fields { spend = number }
tag "Rich" { when = function(user) return user.spend > 100 end }
