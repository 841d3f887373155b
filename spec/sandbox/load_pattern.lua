-- Asks for a pattern that tries too much while the file is loaded.
-- rejected: loading the rules got stuck inside one call
local _ = ("a"):rep(300):find("a-a-a-a-a-a-b")
