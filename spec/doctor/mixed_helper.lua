-- A helper of the file compares.
-- finds: mixed-types 5
fields { zip = text }
local function near(user)
  return user.zip < 300
end
tag "T" { when = function(user) return near(user) end }
