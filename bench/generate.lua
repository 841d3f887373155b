-- Writes COUNT users of 20 fields, always the same ones, about 370 bytes each as JSONL, 180 as CSV:
--   lua5.4 bench/generate.lua COUNT [csv] > users
local total = math.tointeger(tonumber(arg[1])) or error("usage: lua5.4 bench/generate.lua COUNT [csv]")
local csv = arg[2] == "csv"

local state = 42
local function random(below)
  state = state * 6364136223846793005 + 1442695040888963407
  return (state >> 33) % below
end

local cities = { "台北", "新北", "桃園", "新竹", "台中", "台南", "高雄", "花蓮" }
local names = { "陳怡君", "林雅婷", "黃志明", "張淑芬", "李俊傑", "王美玲", "吳宗翰", "劉佳穎" }
local sources = { "line", "shop", "app", "event" }

local columns = {
  "id", "name", "phone", "email", "city", "gender", "birthday", "orders", "spend", "last_order", "newsletter",
  "zip", "street", "age", "points", "visits", "returns", "source", "level", "note",
}
local formats = {
  "U%08x%08x%08x%08x", "%s", "09%08d", "user%d@example.com", "%s", "%s", "%d-%02d-%02d", "%d", "%d.5",
  "2026-%02d-%02d", "%s", "%03d", "中正路 %d 號", "%d", "%d", "%d", "%d", "%s", "%d", "老客戶, 勿電",
}
local bare = { orders = true, spend = true, newsletter = true, age = true, points = true, visits = true,
  returns = true, level = true } -- what JSON writes without quotes

local parts = {}
for i, column in ipairs(columns) do
  if csv then
    parts[i] = formats[i]:find(",", 1, true) and '"' .. formats[i] .. '"' or formats[i]
  else
    parts[i] = ('"%s":'):format(column) .. (bare[column] and formats[i] or '"' .. formats[i] .. '"')
  end
end
local line = csv and table.concat(parts, ",") .. "\n" or "{" .. table.concat(parts, ",") .. "}\n"

local lines = {}
if csv then io.write(table.concat(columns, ","), "\n") end
for i = 1, total do
  local orders = random(4) == 0 and 0 or 1 + random(14)
  lines[#lines + 1] = line:format(
    i, random(1 << 31), random(1 << 31), random(1 << 31), names[1 + random(#names)], random(100000000), i,
    cities[1 + random(#cities)], random(2) == 0 and "男" or "女", 1950 + random(55), 1 + random(12), 1 + random(28),
    orders, orders * random(6000), 1 + random(11), 1 + random(28), random(3) == 0 and "true" or "false",
    100 + random(880), 1 + random(400), 15 + random(70), random(10000), random(500), random(5),
    sources[1 + random(#sources)], random(9))
  if #lines == 1000 then
    io.write(table.concat(lines))
    lines = {}
  end
end
io.write(table.concat(lines))
