-- What a program may do to a connection at the worst moment. Each script runs in a Lua of its own, so that
-- its end is seen as well: make check runs them with the leak detector.
local core = require("tagua.core")
local support = require("spec.support")
local twin = require("spec.support.twin_process")

local folder, remove, url, stop

local HEAD = [[
local tagua = require "tagua"
local function connect()
  return assert(tagua.connect {
    platform = "botbonnie", bot = "bot-WDCLEHlTw", page = "p", channel = "line",
    token = tagua.file "token", rate = { per_second = 100000, burst = 64 }, url = "@URL@",
  })
end
local shop = connect()
local tag = assert(shop:create_tag("T")).id
local function operations(count)
  local list = {}
  for i = 1, count do list[i] = { "tag", user = ("U%04d"):format(i), tag = tag } end
  return list
end
local function begin(count)
  for _, operation in ipairs(operations(count)) do shop:start(operation) end
  shop:poll(0)
end
]]

-- Runs a script after the head; what it prints. It must end well, or as `expected` says.
local function run(script, expected)
  local path = support.write(folder .. "/script.lua", (HEAD:gsub("@URL@", url)) .. script)
  local environment = support.rock and "" or twin.environment()
  local code, out, err = support.shell(("cd '%s' && %s timeout 60 %s '%s'"):format(folder, environment, support.lua, path))
  assert.equal("", err)
  assert.equal(expected or 0, code, out)
  return out
end

describe("a connection", function()
  setup(function()
    folder, remove = support.folder()
    support.write(folder .. "/token", core.system.random_hex(24) .. "\n")
    assert(os.execute("chmod 600 '" .. folder .. "/token'"))
    url, stop = twin.start(folder)
  end)
  teardown(function()
    stop()
    remove()
  end)

  it("may be collected with transfers under way", function()
    assert.equal("gone\n", run([[
begin(200)
shop = nil
collectgarbage() collectgarbage()
print "gone"
]]))
  end)

  it("may be left to lua_close with transfers under way", function()
    run("begin(200)")
  end)

  it("may be left open by os.exit, with the state closed and without", function()
    run("begin(50) os.exit(7, true)", 7)
    run("begin(50) os.exit(8, false)", 8)
  end)

  it("may see os.exit in the middle of a loop, and in the iterator that it reads", function()
    run("for _ in shop:perform(operations(50)) do os.exit(7, true) end", 7)
    run([[
local n = 0
for _ in shop:perform(function()
  n = n + 1
  if n == 30 then os.exit(8, true) end
  return { "tag", user = "U" .. n, tag = tag }
end) do end
]], 8)
  end)

  it("may be closed in the middle of a loop, and in the iterator that it reads", function()
    assert.equal("connection 'botbonnie' is closed\n", run([[
local ok, message = pcall(function()
  for _ in shop:perform(operations(200)) do shop:close() end
end)
print((message:gsub("^.-: ", "")))
]]))
    run([[
local n = 0
pcall(function()
  for _ in shop:perform(function()
    n = n + 1
    if n == 20 then shop:close() end
    return { "tag", user = "U" .. n, tag = tag }
  end) do end
end)
]])
  end)

  it("may be used by a coroutine that never comes back", function()
    run([[
local co = coroutine.wrap(function()
  for result in shop:perform(operations(100)) do coroutine.yield(result) end
end)
assert(co().ok)
co = nil
collectgarbage() collectgarbage()
assert(shop:tag_user("U-after", tag))
]])
    run([[
local kept = coroutine.create(function()
  for user in shop:users() do coroutine.yield(user) end
end)
coroutine.resume(kept)
]])
  end)

  it("may be used by many coroutines in turn", function()
    assert.equal("300\n", run([[
local done, all = 0, {}
for k = 1, 3 do
  all[k] = coroutine.wrap(function()
    for result in shop:perform(operations(100)) do
      done = done + (result.ok and 1 or 0)
      coroutine.yield(true)
    end
    return false
  end)
end
local going = 3
while going > 0 do
  for k, step in pairs(all) do
    if not step() then all[k], going = nil, going - 1 end
  end
end
print(done)
]]))
  end)

  it("may meet an error in the body of the loop", function()
    assert.equal("false\tout of order\ntrue\n", run([[
print(pcall(function()
  for _ in shop:perform(operations(100)) do error("out of order", 0) end
end))
print(#assert(shop:user_tags("U0001")) > 0)
]]))
  end)

  it("may be the last thing that a finalizer uses", function()
    run([[
begin(20)
setmetatable({}, { __gc = function() shop:close() end })
]])
    run([[
setmetatable({}, { __gc = function() pcall(shop.tag_user, shop, "U1", tag) end })
begin(20)
]])
  end)

  it("may be opened and dropped a hundred times", function()
    run([[
for i = 1, 100 do
  local other = connect()
  if i % 2 == 0 then other:start({ "tag", user = "U1", tag = tag }) end
end
]])
  end)

  it("does its work with the collector at its most aggressive", function()
    for _, mode in ipairs({
      'collectgarbage("setpause", 0) collectgarbage("setstepmul", 1000)',
      'collectgarbage("generational")',
      'debug.sethook(function() collectgarbage() end, "", 2000)',
    }) do
      if not (mode:find("generational") and _VERSION == "Lua 5.3") then
        assert.equal("200\ttrue\n", run(mode .. [[

local done = 0
for result in shop:perform(operations(200)) do
  assert(result.ok, result.message)
  done = done + 1
end
print(done, #assert(shop:user_tags("U0007")) > 0)
for user in shop:users() do assert(user.id) end
]]))
      end
    end
  end)
end)
