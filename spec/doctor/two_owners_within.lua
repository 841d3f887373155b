-- A rule owns a tag twice.
-- finds: two-owners 4
fields { city = text }
rule "a" { owns = { "North", "North" }, decide = function(user) return { North = user.city == "台北" } end }
