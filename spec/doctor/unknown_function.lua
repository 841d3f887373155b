-- A function of the library is misspelt.
-- finds: unknown-name 3
local upper = string.uper
fields { city = text }
tag "N" { when = function(user) return user.city == upper("a") end }
