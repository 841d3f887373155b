-- The account that is left and the one that is moved to: here two twins inside the process, so that it can be
-- tried without either. With real ones:
--
--    connection "old" {
--      platform = "botbonnie", bot = "bot-...", page = "...", channel = "line", token = env "BOTBONNIE_TOKEN",
--      rate = { per_second = 10 },
--    }
--    connection "new" {
--      platform = "mantago", bot = "...", channel = "line", pair = file "mantago.pair", rotate = true,
--      rate = { per_second = 10 },
--    }
connection "old" { platform = "local", store = "old.db" }
connection "new" { platform = "local", as = "mantago", store = "new.db" }
