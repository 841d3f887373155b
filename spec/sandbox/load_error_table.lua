-- Raises a table while the file is loaded.
-- rejected: the file raised a table instead of a message
error(setmetatable({}, { __tostring = function() while true do end end }))
