-- Includes what is not below its folder.
-- rejected: include '/etc/passwd'
include "/etc/passwd"
tag "Attack" { when = function() return true end }
