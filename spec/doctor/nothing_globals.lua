-- A global function and a global constant of the file.
-- finds: nothing
LIMIT = 9
fields { orders = integer, city = text }
function many(user) return user.orders > LIMIT end
tag "VIP" { when = function(user) return many(user) and string.upper(user.city) ~= utf8.char(65) end }
