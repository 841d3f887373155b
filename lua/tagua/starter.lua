--- What a new folder begins with: a rule file, users and connections, each commented, that work as they
-- stand. Holds the texts; writes nothing.
-- @module tagua.starter
local M = {}

--- The files, in the order in which they are written: { name, text }.
M.files = {
  { name = "rules.lua", text = [=[
-- Which users should have which tags. A rule is a function from one user's record to true (should have
-- the tag), false (should not), or leave (leave it alone).
--
--   tagua check rules.lua                      load this file, run its tests
--   tagua plan rules.lua --users users.csv     what would change; sends nothing
--   tagua apply rules.lua --users users.csv    do it

timezone "Asia/Taipei"

-- What a rule may read: a column of the input, and its type. Where a record has no value, a rule that reads
-- it can't decide, and the user's tags stay as they are; if_empty gives a value instead.
fields {
  orders     = integer { if_empty = 0 },
  spend      = number  { from = "total spend", if_empty = 0 }, -- the column's name, where it is another
  last_order = date,
  birthday   = date,
}

-- One tag, in a folder. It comes off again when the rule says false.
tag "VIP" {
  folder = "Value",
  when   = function(user) return user.orders >= 10 or user.spend >= 30000 end,
}

-- One of several: the first that holds; the others come off.
one_of "Tier" {
  folder = "Value",
  { "Gold",   function(user) return user.spend >= 20000 end },
  { "Silver", function(user) return user.spend >= 5000 end },
  { "Bronze", otherwise },
}

-- Time passes by itself: run apply every day, or ask tagua forecast what the next weeks bring.
tag "Dormant" {
  folder = "Lifecycle",
  when   = function(user) return days_since(user.last_order) > 90 end,
}

-- A rule that is being tried: counted in the plan, never applied. Take the line away when it is right.
tag "Birthday this week" {
  folder = "Lifecycle",
  shadow = true,
  when   = function(user)
    local days = days_since(user.birthday) % 365.2425
    return days < 1 or days > 358
  end,
}

-- Tests run before every plan and apply.
test "ten orders make a VIP" {
  user   = { orders = 10, spend = 0, last_order = "2026-11-01" },
  at     = "2026-11-21 09:00",
  expect = { VIP = true, Tier = "Bronze", Dormant = false },
}

test "who has not bought for three months is dormant" {
  user   = { orders = 1, spend = 8000, last_order = "2026-08-01" },
  at     = "2026-11-21 09:00",
  expect = { VIP = false, Tier = "Silver", Dormant = true },
}
]=] },

  { name = "users.csv", text = [=[
id,name,orders,total spend,last_order,birthday
U00000000000000000000000000000001,陳怡君,12,41800,2026-11-02,1990-11-24
U00000000000000000000000000000002,"林, 雅婷",1,690,2026-06-30,1985-03-09
U00000000000000000000000000000003,黃志明,3,5200,2026-10-11,
U00000000000000000000000000000004,張淑芬,,,,2001-07-15
U00000000000000000000000000000005,李俊傑,10,9900,2026-01-20,1978-12-31
]=] },

  { name = "connections.lua", text = [=[
-- Accounts on platforms, each with a name: tagua plan rules.lua --users users.csv --to shop
-- `local` needs no entry: it is a platform of its own in this folder, to try things on.
--
-- A secret is only named here: env "NAME", file "PATH" (mode 0600) or command "pass show shop".

-- connection "shop" {
--   platform = "botbonnie",
--   bot = "bot-WDCLEHlTw", page = "test_audi", channel = "line",
--   token = env "BOTBONNIE_TOKEN",
--   rate = { per_second = 5 },          -- calls; ask the platform for more
-- }
]=] },
}

return M
