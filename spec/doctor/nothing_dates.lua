-- Moments and lengths are compared as they should be.
-- finds: nothing
fields { joined = date, last = date, orders = integer }
tag "New" { when = function(user) return days_since(user.joined) < 30 and user.joined > time "2020-01-01" end }
tag "Late" { when = function(user) return user.last > user.joined and now() > user.last and user.orders > 1 end }
