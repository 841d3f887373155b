-- A helper reads the tag.
-- finds: own-tag 5
fields { tags = tagset, orders = integer }
local function known(user)
  return user.tags["VIP"]
end
tag "VIP" { when = function(user) return known(user) or user.orders > 9 end }
