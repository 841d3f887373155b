-- Recency, frequency and monetary value for the public CDNOW orders, as tags. records.lua makes one
-- record a customer of them:
--   lua5.4 examples/rfm/records.lua 2022-07-01 < cdnow_orders.txt |
--     tagua plan examples/rfm/rules.lua --users -
-- A score below 3 is no reason to write to anybody: it has no tag.
fields {
  recency = integer, -- days since the last order
  orders  = integer,
  spent   = number,
}

one_of "Recency" {
  folder = "RFM",
  { "R5", function(user) return user.recency <= 60 end },
  { "R4", function(user) return user.recency <= 150 end },
  { "R3", function(user) return user.recency <= 365 end },
}

one_of "Frequency" {
  folder = "RFM",
  { "F5", function(user) return user.orders >= 6 end },
  { "F4", function(user) return user.orders >= 4 end },
  { "F3", function(user) return user.orders >= 3 end },
}

one_of "Monetary" {
  folder = "RFM",
  { "M5", function(user) return user.spent >= 240 end },
  { "M4", function(user) return user.spent >= 130 end },
  { "M3", function(user) return user.spent >= 60 end },
}

tag "Champion" { -- the best in all three
  folder = "RFM",
  when = function(user)
    return user.recency <= 60 and user.orders >= 6 and user.spent >= 240
  end,
}

tag "Win back" { -- was worth much, and has been gone for long
  folder = "RFM",
  when = function(user)
    return user.recency > 150 and user.orders >= 3 and user.spent >= 130
  end,
}

test "the best in all three are champions" {
  user = { recency = 1, orders = 6, spent = 240 },
  expect = { Recency = "R5", Frequency = "F5", Monetary = "M5", Champion = true, ["Win back"] = false },
}

test "one small order long ago scores nothing" {
  user = { recency = 543, orders = 1, spent = 11.77 },
  expect = { Recency = false, Frequency = false, Monetary = false, ["Win back"] = false },
}
