-- A text field is compared with a number field.
-- finds: mixed-types 4
fields { city = text, orders = integer }
tag "T" { when = function(user) return user.city == user.orders end }
