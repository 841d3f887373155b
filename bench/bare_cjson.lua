-- What one would write without tagua: lines decoded by lua-cjson, the functions of a rule file called.
-- Prints how many users would get each tag.
--   lua5.4 bench/bare_cjson.lua RULES < users.jsonl
local cjson = require("cjson")

local names, rules, counts = {}, {}, {}
local function ignore() end
local environment = {
  fields = ignore,
  tag = function(name)
    return function(options)
      names[#names + 1], rules[#rules + 1], counts[#counts + 1] = name, options.when, 0
    end
  end,
}
assert(loadfile(arg[1], "t", environment))()

for line in io.lines() do
  local user = cjson.decode(line)
  for i, rule in ipairs(rules) do
    if rule(user) then counts[i] = counts[i] + 1 end
  end
end
for i, name in ipairs(names) do print(name, counts[i]) end
