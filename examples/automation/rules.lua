-- A shop's LINE account: what people do there, and in the shop's own system, becomes tags while they do it.
timezone "Asia/Taipei"

fields {
  joined        = first("follow"),
  asked_price   = any("message", { text = matches "多少錢" }),
  purchases_30d = count("purchase", { within = "30d" }),
  spend_90d     = sum("purchase", "amount", { within = "90d" }),
  last_purchase = latest("purchase"),
}

tag "New friend" {
  folder = "Lifecycle",
  when = function(user) return days_since(user.joined) < 30 end,
}

tag "Asked the price" {
  folder = "Interest",
  when = function(user) return user.asked_price and user.purchases_30d == 0 end,
}

one_of "Value" {
  folder = "Value",
  { "Gold",   function(user) return user.spend_90d >= 10000 end },
  { "Silver", function(user) return user.spend_90d >= 3000 end },
}

-- Comes on by itself: nothing has to happen for it.
tag "Dormant" {
  folder = "Lifecycle",
  when = function(user) return days_since(user.last_purchase) > 90 end,
}

test "who asks and then buys is asked no more" {
  events = {
    { type = "message", text = "請問這個多少錢？", at = "2026-11-20 09:00" },
    { type = "purchase", amount = 3200, at = "2026-11-20 21:00" },
  },
  at = "2026-11-21 09:00",
  expect = { ["Asked the price"] = false, Value = "Silver", Dormant = false },
}

test "three months after the last purchase" {
  events = { { type = "purchase", amount = 3200, at = "2026-08-01 12:00" } },
  at = "2026-11-21 09:00",
  expect = { Dormant = true, Value = false },
}
