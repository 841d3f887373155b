-- A text is made a number.
-- finds: nothing
fields { zip = text }
tag "North" { when = function(user) return (tonumber(user.zip) or 0) < 300 end }
