-- The module as a program uses it: scripts in a plain Lua of their own, against a twin in a
-- process of its own.
local core = require("tagua.core")
local support = require("spec.support")
local twin = require("spec.support.twin_process")

local folder, remove, url, stop, token

-- Runs a script; @URL@ in it is the twin's address.
local function run(script, more)
  local path = support.write(folder .. "/script.lua", (script:gsub("@URL@", url)))
  local environment = support.rock and "" or twin.environment()
  return support.shell(("cd '%s' && %s %s %s '%s'"):format(folder, environment, more or "", support.lua, path))
end

describe("require \"tagua\"", function()
  setup(function()
    folder, remove = support.folder()
    token = core.system.random_hex(24)
    support.write(folder .. "/token", token .. "\n")
    assert(os.execute("chmod 600 '" .. folder .. "/token'"))
    url, stop = twin.start(folder)
  end)
  teardown(function()
    stop()
    remove()
  end)

  it("does what the manual's example says, in a plain lua5.4", function()
    local code, out, err = run([[
local tagua = require "tagua"

local shop = assert(tagua.connect {
  platform = "botbonnie", bot = "bot-WDCLEHlTw", page = "test_audi", channel = "line",
  token = tagua.env "BOTBONNIE_TOKEN",
  rate  = { per_second = 1000 },
  url   = "@URL@",
})

local folder = assert(shop:create_folder("Value"))
local tag = assert(shop:create_tag("VIP", { folder = folder.id }))
assert(shop:tag_user("U21ab30ccce78feb456048adeb80cf00a", tag.id))
local tags = assert(shop:user_tags("U21ab30ccce78feb456048adeb80cf00a"))
print(#tags, tags[1].name)

local operations = {}
for i = 1, 200 do operations[i] = { "tag", user = ("U%032x"):format(i), tag = tag.id } end
local done = 0
for result in shop:perform(operations, { in_flight = 16 }) do
  assert(result.ok, result.message)
  done = done + 1
end
print(done)
local users = 0
for user in shop:users() do
  assert(user.tags[1].count == 1)
  users = users + 1
end
print(users)
shop:close()
]], "BOTBONNIE_TOKEN=" .. token)
    assert.equal("", err)
    assert.equal("1\tVIP\n200\n201\n", out)
    assert.equal(0, code)
  end)

  it("says in one line what is wrong with the token, and never shows it", function()
    local wrong = "wrong-" .. core.system.random_hex(16)
    local code, out, err = run([[
local tagua = require "tagua"
local shop = assert(tagua.connect {
  platform = "botbonnie", name = "shop", bot = "bot-WDCLEHlTw", page = "p", channel = "line",
  token = tagua.env "BOTBONNIE_TOKEN", url = "@URL@",
})
print(shop:tag_user("U1", "tag-1"))
print(tagua.env("BOTBONNIE_TOKEN"), shop.secrets.token)
error((select(2, shop:tag_user("U1", "tag-1"))), 0)
]], "BOTBONNIE_TOKEN=" .. wrong)
    assert.equal(1, code)
    assert.matches("^nil\tconnection 'shop': ", out)
    assert.matches("environment variable BOTBONNIE_TOKEN", out, 1, true)
    assert.matches("EAUTH", out, 1, true)
    assert.not_matches(wrong, out .. err, 1, true)
    assert.matches("connection 'shop'", err, 1, true)
  end)

  it("connects by the name that connections.lua gives", function()
    support.write(folder .. "/connections.lua", ([[
connection "shop" {
  platform = "botbonnie", bot = "bot-WDCLEHlTw", page = "p", channel = "line",
  token = file "token", url = "%s",
}
]]):format(url))
    local code, out, err = run([[
local tagua = require "tagua"
local shop = assert(tagua.connect "shop")
print(shop.name, #assert(shop:user_tags("U-nobody")))
shop:close()
]])
    assert.equal("", err)
    assert.equal("shop\t0\n", out)
    assert.equal(0, code)
  end)

  it("needs no account with the local connection", function()
    if support.rock then return pending("the rock has no twin") end
    local code, out, err = run([[
local tagua = require "tagua"
local here <close> = assert(tagua.connect { platform = "local" })
local tag = assert(here:create_tag("VIP"))
assert(here:tag_user("U1", tag.id))
print(assert(here:user_tags("U1"))[1].name)
]])
    assert.equal("", err)
    assert.equal("VIP\n", out)
    assert.equal(0, code)
    assert.equal("file", core.system.file_kind(folder .. "/tagua-local.db"))
  end)

  it("decides with a rule file and carries the decision out", function()
    support.write(folder .. "/rules.lua", [[
fields { orders = integer, city = text }
tag "VIP" { when = function(user) return user.orders >= 10 end }
tag "North" { when = function(user) return user.city == "台北" end }
]])
    local code, out, err = run([[
local tagua = require "tagua"
local rules = assert(tagua.rules.load("rules.lua"))
local here = assert(tagua.connect {
  platform = "botbonnie", bot = "bot-WDCLEHlTw", page = "decided", channel = "line",
  token = tagua.file "token", url = "@URL@", rate = { per_second = 1000 },
})
local ids = {}
for _, name in ipairs { "VIP", "North" } do ids[name] = assert(here:create_tag(name)).id end

local operations = {}
for user, record in pairs { U1 = { orders = 12, city = "台北" }, U2 = { orders = 3, city = "台北" }, U3 = { orders = 30 } } do
  for name, wanted in pairs(rules:decide(record, os.time())) do
    if wanted then operations[#operations + 1] = { "tag", user = user, tag = ids[name] } end
  end
end
for result in here:perform(operations) do assert(result.ok, result.message) end

for _, user in ipairs { "U1", "U2", "U3" } do
  local names = {}
  for _, tag in ipairs(assert(here:user_tags(user))) do names[#names + 1] = tag.name end
  table.sort(names)
  print(user, table.concat(names, " "))
end
]])
    assert.equal("", err)
    assert.equal("U1\tNorth VIP\nU2\tNorth\nU3\tVIP\n", out)
    assert.equal(0, code)
  end)

  it("stays the same table and knows its version", function()
    local _, out = run('local tagua = require "tagua"\nprint(tagua.version, tagua == require "tagua", tagua.nonsense)')
    assert.equal(require("tagua.version") .. "\ttrue\tnil\n", out)
  end)
end)
