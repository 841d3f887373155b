-- Two tags differ in width.
-- finds: similar-names 5
fields { orders = integer }
tag "VIP" { when = function(user) return user.orders > 9 end }
tag "ＶＩＰ" { when = function(user) return user.orders > 8 end }
