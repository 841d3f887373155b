-- A field is misspelt.
-- finds: undeclared-field 4
fields { orders = integer }
tag "VIP" { when = function(user) return user.order > 9 end }
