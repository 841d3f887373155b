-- Which of the shop's users get which tags. Its tests run before every plan:
--   tagua check examples/shop/rules.lua
timezone "Asia/Taipei"

fields { -- what a rule may read: the field's type, and the column that it comes from
  city       = text    { from = "城市" },
  joined     = date    { from = "入會日", roc = true }, -- 115/11/14 is 2026-11-14
  orders     = integer { from = "訂單數", if_empty = 0 },
  spend      = number  { from = "累計消費" },
  last_order = date    { from = "最後購買日" },
  newsletter = boolean { from = "電子報", if_empty = false },
}

tag "VIP" {
  folder = "Value",
  when = function(user)
    return user.orders >= 10 or user.spend >= 30000
  end,
}

one_of "Tier" { -- the first that holds; the others come off
  folder = "Value",
  { "Gold", function(user) return user.spend >= 20000 end },
  { "Silver", function(user) return user.spend >= 5000 end },
  { "Bronze", otherwise },
}

tag "Dormant" {
  folder = "Lifecycle",
  when = function(user)
    return user.orders > 0 and days_since(user.last_order) > 180
  end,
}

tag "Newcomer" {
  folder = "Lifecycle",
  when = function(user)
    return user.orders <= 1 and days_since(user.joined) <= 30
  end,
}

tag "Returning buyer" { -- once earned, it stays
  folder = "Lifecycle",
  never_remove = true,
  when = function(user)
    return user.orders >= 2
  end,
}

local regions = {
  ["台北"] = "North", ["新北"] = "North", ["桃園"] = "North", ["新竹"] = "North",
  ["嘉義"] = "South", ["台南"] = "South", ["高雄"] = "South", ["屏東"] = "South",
}

rule "regional newsletter" { -- the general form: one function, several tags
  folder = "Newsletter",
  owns = { "North", "South" },
  decide = function(user)
    if not user.newsletter then
      return { North = false, South = false }
    elseif not has(user, "city") then -- asked for, so its absence is no surprise
      return { North = leave, South = leave }
    end
    local region = regions[user.city]
    return { North = region == "North", South = region == "South" }
  end,
}

test "ten orders make a VIP, whatever they cost" {
  user = { orders = 10, spend = 900, last_order = "2026-10-01" },
  at = "2026-11-21 09:00",
  expect = { VIP = true, Tier = "Bronze", Dormant = false, ["Returning buyer"] = true },
}

test "money alone makes a VIP too" {
  user = { orders = 1, spend = 30000 },
  expect = { VIP = true, Tier = "Gold" },
}

test "half a year without an order is dormant, to the day" {
  user = { orders = 3, spend = 5000, last_order = "2026-05-25" },
  at = "2026-11-21 00:10",
  expect = { Dormant = false, Tier = "Silver" },
}

test "a day more, and it is" {
  user = { orders = 3, spend = 5000, last_order = "2026-05-24" },
  at = "2026-11-21 00:10",
  expect = { Dormant = true },
}

test "newsletters go by region, and without a city nothing changes" {
  user = { newsletter = true, orders = 0, spend = 0 },
  expect = { North = leave, South = leave },
}

test "who left the newsletter leaves its regions" {
  user = { newsletter = false, city = "高雄", orders = 0, spend = 0 },
  expect = { North = false, South = false },
}
