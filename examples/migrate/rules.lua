-- The rules of every day. They know no platform: the same file works on the old and on the new one.
fields {
  orders = integer { if_empty = 0 },
  city   = text,
}

tag "VIP"  { folder = "價值", when = function(user) return user.orders >= 10 end }
tag "北部" { when = function(user) return user.city == "台北" or user.city == "新北" end }

one_of "會員等級" {
  { "金卡", function(user) return user.orders >= 10 end },
  { "銀卡", function(user) return user.orders >= 3 end },
  { "一般", otherwise },
}

test "ten orders are gold" {
  user = { orders = 10, city = "台北" },
  expect = { VIP = true, ["北部"] = true, ["會員等級"] = "金卡" },
}
