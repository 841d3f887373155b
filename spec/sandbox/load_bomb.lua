-- Eats memory while the file is loaded.
-- rejected: loading the rules ran out of memory
local s = "x"
while true do s = s .. s end
