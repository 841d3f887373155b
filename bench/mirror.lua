-- Makes a ledger whose mirror shows users as the rules want them, but for one in fifty who lacks her tags:
-- the platform's list of users is put into it as a pull does.
--   lua5.4 bench/mirror.lua LEDGER RULES USERS.jsonl
local input = require("tagua.input")
local pool = require("tagua.rules.pool")

local path, rules, users = arg[1], arg[2], arg[3]
local context = require("tagua.command.context").new({ ledger = path })
local book = context:book("local")

local workers = pool.start { executable = os.getenv("TAGUA_EXECUTABLE") }
local ruleset = assert(workers:load { path = rules })
local source = assert(input.open { path = users, format = "jsonl" })
assert(workers:input { format = "jsonl", at = 1795000000 })

local pull = assert(book:pull())
local count = 0
for block in workers:decide(function() return source:next() end) do
  local page = {}
  for i = 1, block.n do
    local tags = {}
    count = count + 1
    for tag, described in ipairs(ruleset.tags) do
      if block.wants[i]:byte(tag) == 43 and count % 50 ~= 0 then
        tags[#tags + 1] = { id = "tag-" .. tag, name = described.name, timestamp = 1790000000 + tag, count = 1 }
      end
    end
    page[i] = { id = block.ids[i], tags = tags, params = {}, blocked = false }
  end
  assert(pull:put(page))
end
assert(pull:finish())
assert(not context:close())
