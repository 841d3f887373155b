-- Writes the shop's users as Excel in Taiwan saves them (byte-order mark, CRLF, quoted commas and line
-- ends), always the same ones:
--   lua5.4 examples/shop/generate.lua > examples/shop/users.csv
--   lua5.4 examples/shop/generate.lua later > a-week-later.csv
-- A week later some have ordered again, some have moved or left the newsletter, and some are new.
local USERS, NEW_USERS = 5200, 60
local later = arg[1] == "later"

-- A generator of our own (Knuth's MMIX constants), so that every Lua makes the same file.
local state = 20261114
local function random(below)
  state = state * 6364136223846793005 + 1442695040888963407
  return (state >> 33) % below
end

local function chance(percent)
  return random(1000) < percent * 10
end

local function pick(list)
  return list[random(#list) + 1]
end

local function words(text)
  local list = {}
  for word in text:gmatch("%S+") do list[#list + 1] = word end
  return list
end

local surnames = words("陳 林 黃 張 李 王 吳 劉 蔡 楊 許 鄭 謝 洪 郭 邱 曾 廖 賴 徐 周 葉 蘇 莊 呂 江 何 蕭 羅 高 歐陽")
local given = words("怡 君 雅 婷 家 豪 志 明 淑 芬 俊 傑 美 玲 宗 翰 佳 穎 冠 宇 欣 承 恩 詩 涵 柏 霖 品 妤 子 晴 建 宏 惠 雯")
local cities = words("台北 台北 台北 新北 新北 新北 桃園 桃園 新竹 台中 台中 台中 彰化 嘉義 台南 台南 高雄 高雄 高雄 屏東 花蓮 澎湖")
local notes = {
  "常買保養品, 不要電話聯絡",
  "生日禮已寄出\n收件人: 管理室",
  "她說:\"下次再來\"",
  "第一行, 有逗號\n第二行\n第三行",
  "VIP 活動到場",
  "地址: 中正路 12 號, 3 樓",
}

local function hex(digits)
  local text = {}
  for _ = 1, digits, 4 do text[#text + 1] = ("%04x"):format(random(65536)) end
  return table.concat(text)
end

-- Days since the epoch, and back, in the proleptic Gregorian calendar.
local function day_number(year, month, day)
  local y = month <= 2 and year - 1 or year
  local era = y // 400
  local year_of_era = y - era * 400
  local day_of_year = (153 * (month + (month > 2 and -3 or 9)) + 2) // 5 + day - 1
  return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468
end

local function date_of(number)
  local z = number + 719468
  local era = z // 146097
  local day_of_era = z - era * 146097
  local year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
  local day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
  local m = (5 * day_of_year + 2) // 153
  local month = m < 10 and m + 3 or m - 9
  return year_of_era + era * 400 + (month <= 2 and 1 or 0), month, day_of_year - (153 * m + 2) // 5 + 1
end

local export_day = day_number(2026, 11, 14) -- the day of the first file

local function new_user(joined_before)
  local user = {
    id = "U" .. hex(32),
    name = pick(surnames) .. pick(given) .. pick(given),
    city = pick(cities),
    joined = export_day - joined_before - random(joined_before == 0 and 7 or 1500),
    orders = 0,
    spend = 0,
    newsletter = chance(45),
    note = chance(6) and pick(notes) or "",
  }
  if chance(75) then
    user.orders = 1 + (chance(50) and random(3) or 0) + (chance(20) and random(9) or 0)
      + (chance(3) and random(20) or 0)
    user.spend = user.orders * (200 + random(2400)) + (chance(4) and random(40000) or 0)
    local since = export_day - user.joined
    user.last_order = export_day - math.min(random(90) + (chance(40) and random(400) or 0), since)
  end
  return user
end

local users = {}
for i = 1, USERS do users[i] = new_user(chance(3) and 0 or 8) end

-- What is missing, or does not fit, as in every export.
for _, user in ipairs(users) do
  if chance(7) then user.city = "" end
  if chance(3) then
    user.spend = ""
  elseif chance(0.3) then
    user.spend = ("NT$%d,%03d"):format(1 + random(40), random(1000))
  end
  if chance(2) then user.newsletter = nil end
  if user.last_order and chance(1) then user.last_order = nil end
end

if later then
  for _, user in ipairs(users) do
    if chance(5) then
      user.orders = user.orders + 1
      if math.type(user.spend) == "integer" then user.spend = user.spend + 300 + random(9000) end
      user.last_order = export_day + 1 + random(7)
    elseif chance(1) then
      user.city = pick(cities)
    elseif user.newsletter and chance(1) then
      user.newsletter = false
    end
  end
  for _ = 1, NEW_USERS do
    local user = new_user(0)
    user.joined = export_day + 1 + random(7)
    user.last_order = user.last_order and user.joined
    users[#users + 1] = user
  end
end

local function date(number)
  if not number then return "" end
  return ("%04d-%02d-%02d"):format(date_of(number))
end

local function roc(number) -- the year of the Republic: 115/11/14 is 2026-11-14
  local year, month, day = date_of(number)
  return ("%d/%02d/%02d"):format(year - 1911, month, day)
end

local function cell(value)
  if value == nil then return "" end
  if type(value) == "boolean" then return value and "TRUE" or "FALSE" end
  local text = tostring(value)
  if text:find('[,"\r\n]') then return '"' .. text:gsub('"', '""') .. '"' end
  return text
end

local function row(...)
  local cells = {}
  for i = 1, select("#", ...) do cells[i] = cell((select(i, ...))) end
  io.write(table.concat(cells, ","), "\r\n")
end

io.write("\u{FEFF}")
row("id", "姓名", "城市", "入會日", "訂單數", "累計消費", "最後購買日", "電子報", "備註")
for _, user in ipairs(users) do
  row(user.id, user.name, user.city, roc(user.joined), user.orders > 0 and user.orders or "", user.spend,
    date(user.last_order), user.newsletter, user.note)
end
