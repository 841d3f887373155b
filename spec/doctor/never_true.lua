-- Nobody has it.
-- finds: never-true 17
--| id,orders,city
--| U1,1,台北
--| U2,2,高雄
--| U3,3,台北
--| U4,4,高雄
--| U5,5,台北
--| U6,6,高雄
--| U7,7,台北
--| U8,8,高雄
--| U9,9,台北
--| U10,10,高雄
--| U11,11,台北
--| U12,12,高雄
fields { orders = integer }
tag "VIP" { when = function(user) return user.orders > 1000 end }
