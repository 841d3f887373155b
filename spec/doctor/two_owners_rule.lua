-- A rule owns what another rule owns.
-- finds: two-owners 6
fields { city = text }
local function decide(user) return { North = user.city == "台北" } end
rule "a" { owns = { "North" }, decide = decide }
rule "b" { owns = { "North" }, decide = decide }
