-- Segments out of a CRM's export: its own columns, years of the Republic, amounts with commas.
timezone "Asia/Taipei"

fields {
  spend = text { from = "累計消費" },
  last  = date { from = "最近消費日", roc = true },
  level = text { from = "會員等級" },
  city  = text { from = "縣市" },
}

-- "42,800" is no number: the comma has to go first.
local function amount(user)
  return tonumber((user.spend:gsub(",", ""))) or 0
end

one_of "會員等級" {
  { "白金會員", function(user) return user.level == "白金" end },
  { "金卡會員", function(user) return user.level == "金卡" end },
  { "一般會員", otherwise },
}

tag "高消費" { folder = "價值", when = function(user) return amount(user) >= 30000 end }
tag "沉睡客" { folder = "狀態", when = function(user) return days_since(user.last) > 180 end }
tag "北部"   { when = function(user) return user.city == "台北市" or user.city == "新北市" or user.city == "桃園市" end }

test "an amount with a comma is an amount" {
  user   = { spend = "42,800", last = "115/11/18", level = "白金", city = "台北市" },
  at     = "2026-12-15 09:00",
  expect = { ["高消費"] = true, ["沉睡客"] = false, ["會員等級"] = "白金會員" },
}
