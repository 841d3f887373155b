-- A field is only asked for.
-- finds: nothing
--| id,phone
--| U1,0912
--| U2,
fields { phone = text }
tag "Reachable" { when = function(user) return has(user, "phone") end }
