-- The number stands first.
-- finds: mixed-types 4
fields { zip = text }
tag "T" { when = function(user) return 100 <= user.zip end }
