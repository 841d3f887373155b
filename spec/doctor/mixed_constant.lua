-- The number is a constant of the file.
-- finds: mixed-types 5
local LIMIT = 10
fields { orders = text }
tag "T" { when = function(user) return user.orders > LIMIT end }
