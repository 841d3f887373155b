-- The name is a constant of the file.
-- finds: own-tag 5
fields { tags = tagset, orders = integer }
local NAME = "VIP"
tag "VIP" { when = function(user) return user.tags[NAME] or user.orders > 9 end }
