-- A date is compared with a number of days.
-- finds: mixed-types 4
fields { joined = date }
tag "T" { when = function(user) return user.joined > 90 end }
