-- A helper in a table compares.
-- finds: mixed-types 6
fields { zip = text }
local H = {}
function H.near(user)
  return user.zip < 300
end
tag "T" { when = function(user) return H.near(user) end }
