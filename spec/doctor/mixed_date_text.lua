-- A date is compared with a text.
-- finds: mixed-types 4
fields { joined = date }
tag "T" { when = function(user) return user.joined >= "2026-01-01" end }
