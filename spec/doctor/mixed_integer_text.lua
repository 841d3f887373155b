-- An integer is compared with a text.
-- finds: mixed-types 4
fields { orders = integer }
tag "T" { when = function(user) return user.orders == "10" end }
