--- A ledger as a shop's is after a month, and its page served by a process of its own.
local core = require("tagua.core")
local ledger = require("spec.support.ledger")
local support = require("spec.support")

local M = {}

M.TOKEN = "the-token-of-the-page"
M.DAY = 86400
--- The moment that is now: noon in Taipei.
M.NOW = 1763697600

--- A user whose name is markup.
M.EVIL = "<script>document.title = 'taken over'</script>"

--- A tag whose name is markup.
M.EVIL_TAG = "<img src=x onerror=\"document.title='taken over'\">&amp;"

--- Ids of users, in order.
function M.user(i) return ("U%032x"):format(i) end

-- An operation of a rule, and the record that it read.
local function operation(user, tag, action, line)
  return { user = user, tag = tag, action = action or "tag", rule = "Tier", line = 12, input_line = line }
end

-- A run at a moment, carried out.
local function run(book, at, about, operations, outcome)
  book.clock.now = at
  local one = assert(book.shop:plan(about))
  for _, each in ipairs(operations) do
    assert(one:add(each))
    if each.input_line then
      assert(one:record(each.input_line, each.rule, each.line,
        ('{"city":"台北","note":"<i>","orders":%d}'):format(each.input_line)))
    end
  end
  assert(one:ready())
  while true do
    local taken = assert(one:next(100))
    if #taken == 0 then break end
    for _, each in ipairs(taken) do
      if outcome and outcome(each) == "failed" then
        assert(one:result(each.seq, "failed", "ENOTFOUND", "the platform does not know the user '" .. each.user .. "'"))
      else
        assert(one:result(each.seq, "done"))
      end
    end
  end
  assert(one:finish("done"))
  return one
end

--- Fills a ledger: 200 users pulled 31 days ago, "VIP" put on more of them every day by a night's run, "Dormant" put
-- on all and off half, one tag put on in the console, failures, live events.
-- @tparam table book of spec.support.ledger
function M.fill(book)
  local first = M.NOW - 31 * M.DAY
  book.clock.now = first
  local users = {}
  for i = 1, 200 do
    users[i] = ledger.user(M.user(i), {}, { name = i == 7 and M.EVIL or ("陳%d"):format(i), ext_id = "M" .. i,
      email = ("user%d@example.com"):format(i), blocked = i % 50 == 0 })
    users[i].tags = i <= 20 and { { id = "tag-old", name = "老客戶", timestamp = (first - 90 * M.DAY) * 1000, count = 1 } }
      or {}
  end
  ledger.pull(book.shop, users)
  for _, tag in ipairs({
    { "tag-vip", "VIP", "folder-1" }, { "tag-dormant", "沉睡客 Dormant" }, { "tag-evil", M.EVIL_TAG }, { "tag-sale", "11.11 購買" },
    { "tag-empty", "Nobody" },
  }) do
    assert(book.shop:remember_tag({ id = "folder-1", name = "Value", kind = "folder" }))
    assert(book.shop:remember_tag({ id = tag[1], name = tag[2], folder = tag[3] }))
  end
  local nightly = { kind = "apply", rules = "rules.lua", rules_hash = "00", input = "users.csv" }
  local all = {}
  for i = 1, 200 do all[i] = operation(M.user(i), "tag-dormant", "tag", i) end
  run(book, first + 60, nightly, all)
  for day = 0, 28 do
    local list = {}
    for i = day * 4 + 1, day * 4 + 4 do list[#list + 1] = operation(M.user(i), "tag-vip", "tag", i) end
    if day >= 20 then
      for i = (day - 20) * 11 + 1, (day - 20) * 11 + 11 do
        list[#list + 1] = operation(M.user(i), "tag-dormant", "untag", i)
      end
    end
    run(book, M.NOW - 28 * M.DAY + day * M.DAY, nightly, list, function(one)
      return one.user == M.user(90) and "failed" or "done"
    end)
  end
  for i = 1, 30 do
    run(book, M.NOW - 7200 + i * 60, { kind = "event", rules = "rules.lua" },
      { { user = M.user(i), tag = "tag-sale", action = "tag", rule = "Sale", line = 30 } })
  end
  run(book, M.NOW - 4000, { kind = "event", input = "wishes" },
    { { user = M.user(8), tag = "tag-sale", action = "tag" } })
  -- A person put this one on in the console, two days ago.
  book.clock.now = M.NOW - 600
  local pull = assert(book.shop:pull())
  users[7].tags = { { id = "tag-evil", name = M.EVIL_TAG, timestamp = (M.NOW - 2 * M.DAY) * 1000, count = 1 } }
  assert(pull:put({ users[7] }))
  pull:abandon()
  book.clock.now = M.NOW
end

M.operation, M.run = operation, run

local SERVE = [[
local core = require("tagua.core")
core.system.catch_signals()
local folder, wanted, now = arg[1], arg[2], tonumber(arg[3])
local page = assert(require("tagua.serve.page").open({ ledger = folder .. "/tagua.db", served = { shop = { per_second = 5 } },
  state = function()
    local file = io.open(folder .. "/serve.json")
    local text = file and file:read("a")
    if file then file:close() end
    return text and require("tagua.json").decode(text)
  end,
  now = function() return now end }))
local server = assert(core.server.listen({ address = "127.0.0.1:0" }))
local ready = io.open(folder .. "/ready.part", "w")
ready:write(core.system.pid(), " ", server:address())
ready:close()
os.rename(folder .. "/ready.part", folder .. "/ready")
while core.system.interrupted() == 0 do
  for _, request in ipairs(server:wait(0.25)) do -- the answers leave with the next wait
    local name = request.method .. " " .. request.path
    local handler = page.routes[name]
    if not handler then
      request:reply({ status = 404, body = "{}" })
    elseif not require("tagua.serve.page").open_routes[name] and request:bearer_sha256() ~= wanted then
      request:reply({ status = 401, body = '{"message":"no"}' })
    else
      request:reply(handler(request))
    end
  end
end
]]

--- Serves the page of the ledger in a folder; what is in `serve.json` there is what `tagua serve` tells of itself.
-- @treturn string its address, `127.0.0.1:PORT`
-- @treturn function stops it
function M.serve(folder)
  support.write(folder .. "/serve.lua", SERVE)
  assert(os.execute(("%s lua5.4 '%s/serve.lua' '%s' %s %d </dev/null >'%s/log' 2>&1 &"):format(
    require("spec.support.twin_process").environment(), folder, folder, core.secret.sha256(M.TOKEN), M.NOW, folder)))
  for _ = 1, 500 do
    if core.system.file_kind(folder .. "/ready") then
      local pid, address = support.read(folder .. "/ready"):match("^(%d+) (%S+)$")
      return address, function() os.execute("kill " .. pid .. " 2>/dev/null") end
    end
    core.system.sleep(0.02)
  end
  error("the page is not served: " .. support.read(folder .. "/log"))
end

return M
