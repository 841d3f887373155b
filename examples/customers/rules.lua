-- Segments for the public "customer personality analysis" data: 2,240 customers of a shop, with what
-- they spent by category, how long ago, through which channel.
--   tagua plan examples/customers/rules.lua --users customer_personality.csv --id-column ID
timezone "Asia/Taipei"

fields {
  spent   = number  { from = "Spent" },
  income  = number  { from = "Income" }, -- missing for some: "Affluent" is not decided for them
  idle    = integer { from = "Recency" }, -- days since the last purchase
  kids    = integer { from = "Kidhome" },
  teens   = integer { from = "Teenhome" },
  web     = integer { from = "NumWebPurchases" },
  store   = integer { from = "NumStorePurchases" },
  catalog = integer { from = "NumCatalogPurchases" },
  joined  = date    { from = "Dt_Customer", format = "%d/%m/%Y" },
}

one_of "Spending" {
  folder = "Spending",
  { "Top spender", function(user) return user.spent >= 1500 end },
  { "High spender", function(user) return user.spent >= 1000 end },
  { "Middle spender", function(user) return user.spent >= 400 end },
  { "Low spender", otherwise },
}

tag "Lapsed" {
  folder = "Lifecycle",
  when = function(user)
    return user.idle > 75
  end,
}

tag "Early customer" {
  folder = "Lifecycle",
  when = function(user)
    return user.joined < time "2013-01-01"
  end,
}

tag "Family" {
  folder = "Household",
  when = function(user)
    return user.kids + user.teens > 0
  end,
}

tag "Affluent" {
  folder = "Household",
  when = function(user)
    return user.income >= 75000
  end,
}

tag "Web shopper" {
  folder = "Channel",
  when = function(user)
    return user.web > user.store + user.catalog
  end,
}

test "tiers begin at their bounds" {
  user = { spent = 1000 },
  expect = { Spending = "High spender" },
}

test "a web shopper buys more there than anywhere else together" {
  user = { web = 4, store = 2, catalog = 2 },
  expect = { ["Web shopper"] = false },
}

test "nobody is called affluent because the income is missing" {
  user = { spent = 2000 },
  expect = { Affluent = leave, Spending = "Top spender" },
}
