-- Fifty rules over ten fields, always the same: as a rule file, or as JSON for the peers.
--   lua5.4 bench/fifty.lua lua|json
local cjson = require("cjson")

local numbers = {
  { "orders", 14 }, { "spend", 60000 }, { "age", 80 }, { "points", 10000 }, { "visits", 500 }, { "returns", 5 },
  { "level", 9 },
}
local cities = { "台北", "新北", "桃園", "新竹", "台中", "台南", "高雄", "花蓮" }
local sources = { "line", "shop", "app", "event" }

local rules = {}
for i = 1, 50 do
  local first, second = numbers[1 + i % #numbers], numbers[1 + (i * 3 + 1) % #numbers]
  local all = { { first[1], ">=", first[2] * (i % 7 + 1) // 10 } }
  if second ~= first then all[2] = { second[1], "<", second[2] * (i % 5 + 4) // 8 } end
  if i % 3 == 0 then all[#all + 1] = { "city", "==", cities[1 + i % #cities] } end
  if i % 4 == 0 then all[#all + 1] = { "source", "==", sources[1 + i % #sources] } end
  if i % 5 == 0 then all[#all + 1] = { "newsletter", "==", true } end
  rules[i] = { name = ("Rule %d"):format(i), all = all }
end

if arg[1] == "json" then
  print(cjson.encode(rules))
  return
end
print([[
fields {
  orders = integer, spend = number, city = text, newsletter = boolean, age = integer, points = integer,
  visits = integer, returns = integer, source = text, level = integer,
}
]])
for _, rule in ipairs(rules) do
  local parts = {}
  for i, condition in ipairs(rule.all) do
    parts[i] = ("user.%s %s %s"):format(condition[1], condition[2],
      type(condition[3]) == "string" and ("%q"):format(condition[3]) or tostring(condition[3]))
  end
  print(("tag %q { when = function(user) return %s end }"):format(rule.name, table.concat(parts, " and ")))
end
