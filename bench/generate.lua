-- Writes COUNT users as JSONL, about 330 bytes each, always the same ones:
--   lua5.4 bench/generate.lua COUNT > users.jsonl
local total = math.tointeger(tonumber(arg[1])) or error("usage: lua5.4 bench/generate.lua COUNT")

local state = 42
local function random(below)
  state = state * 6364136223846793005 + 1442695040888963407
  return (state >> 33) % below
end

local cities = { "台北", "新北", "桃園", "新竹", "台中", "台南", "高雄", "花蓮" }
local names = { "陳怡君", "林雅婷", "黃志明", "張淑芬", "李俊傑", "王美玲", "吳宗翰", "劉佳穎" }
local lines = {}

for i = 1, total do
  local orders = random(4) == 0 and 0 or 1 + random(14)
  lines[#lines + 1] = ('{"id":"U%08x%08x%08x%08x","name":"%s","phone":"09%08d","email":"user%d@example.com",'
    .. '"city":"%s","gender":"%s","birthday":"%d-%02d-%02d","orders":%d,"spend":%d.5,"last_order":"2026-%02d-%02d",'
    .. '"newsletter":%s,"address":{"zip":"%03d","line":"中正路 %d 號"},"note":"常買保養品, 不要電話聯絡"}\n'):format(
    i, random(1 << 31), random(1 << 31), random(1 << 31), names[1 + random(#names)], random(100000000), i,
    cities[1 + random(#cities)], random(2) == 0 and "男" or "女", 1950 + random(55), 1 + random(12), 1 + random(28),
    orders, orders * random(6000), 1 + random(11), 1 + random(28), random(3) == 0 and "true" or "false",
    100 + random(880), 1 + random(400))
  if #lines == 1000 then
    io.write(table.concat(lines))
    lines = {}
  end
end
io.write(table.concat(lines))
