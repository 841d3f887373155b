-- The keeper when the rules are others, when time alone changes decisions, and when it is killed: everybody is decided
-- again, guarded as an apply is, and no event waits for it.
local support = require("spec.support")
local with = require("spec.support.keeper")

local RULES = [[
timezone "Asia/Taipei"
fields { bought = count("purchase"), last = latest("purchase") }
tag "Buyer" { when = function(user) return user.bought > 0 end }
]]

local HOUR, DAY = 3600000, 86400000

describe("the keeper, when everybody has to be decided again,", function()
  local f

  after_each(function()
    if f then f.close() end
    f = nil
  end)

  local function begin(source, users, more)
    f = with.new(source or RULES, more)
    f.open()
    f.work()
    local list = {}
    for i = 1, users or 5 do list[i] = { ("U%02d"):format(i), "purchase" } end
    f.events(list)
    f.work()
  end

  local function with_tag(name)
    local count = 0
    for _, tags in pairs(f.tags()) do
      if tags:find(name .. " 1", 1, true) then count = count + 1 end
    end
    return count
  end

  local function use(source)
    return f.keeper:use({ name = "rules.lua", source = source })
  end

  it("goes by other rules from then on, for everybody whom it knows", function()
    begin()
    assert.is_true(use(RULES .. 'tag "Loyal" { when = function(user) return user.bought >= 2 end }\n'
      .. 'tag "Known" { when = function(user) return user.bought >= 1 end }'))
    f.work()
    assert.equal(5, with_tag("Known"))
    f.events({ { "U01", "purchase" } })
    f.work()
    assert.equal("Buyer 1, Known 1, Loyal 1", f.tags().U01)
    assert.equal("apply events 5", f.ask("select kind || ' ' || input || ' ' || planned from run where kind = 'apply'"))
  end)

  it("keeps the old rules where the new ones can't be loaded", function()
    begin()
    local ok, message, code = use('tag "Broken" {')
    assert.is_nil(ok)
    assert.equal("ERULES", code)
    assert.matches("rules.lua:1", message, 1, true)
    f.events({ { "U99", "purchase" } })
    f.work()
    assert.equal("Buyer 1", f.tags().U99)
  end)

  it("asks for what new rules want to know of old events, as far as a window has kept them", function()
    begin((RULES:gsub("last =", 'week = count("purchase", { within = "7d" }), last =')))
    assert.is_true(use([[
      fields { spent = sum("purchase", "amount"), bought = count("purchase"), any = any("purchase") }
      tag "Any" { when = function(user) return user.any end }
    ]]))
    f.work()
    assert.equal(5, with_tag("Any"), f.state())
    assert.equal(5, with_tag("Buyer")) -- which no rule owns any more
  end)

  it("is stopped by a guard, says so once and how to go on, and changes nothing", function()
    begin(nil, 20)
    assert.equal(20, with_tag("Buyer"))
    local fewer = RULES:gsub("> 0", "> 5")
    assert.is_true(use(fewer))
    f.work()
    assert.equal(20, with_tag("Buyer"))
    assert.equal(1, f.count("tagua_sweeps_total", "outcome", "refused"))
    assert.equal(1, #f.told("sweep_refused"))
    assert.matches("losses: 'Buyer' would come off 20 of the 20 users", f.told("sweep_refused")[1], 1, true)
    assert.matches("tagua apply rules.lua --users @shop --to shop --force losses", f.told("sweep_refused")[1], 1, true)
    assert.equal(0, f.ask("select count(*) from run where kind = 'apply'"))
    f.events({ { "U01", "purchase" } }) -- who is decided by an event is one user
    f.work()
    assert.equal(19, with_tag("Buyer"))
  end)

  it("can be forced as the refusal says", function()
    begin(nil, 20)
    assert.is_true(use((RULES:gsub("> 0", "> 5"))))
    f.work()
    local line = f.told("sweep_refused")[1]:match("if that is what you want: tagua (.*)$")
    local folder, tags = f.folder, f.tags
    f.kill()
    support.write(folder .. "/rules.lua", (RULES:gsub("> 0", "> 5")))
    support.write(folder .. "/connections.lua", ('connection "shop" { platform = "local", store = "%s/twin.db", '
      .. 'rate = { per_second = 5000 } }'):format(folder))
    local root = select(2, support.shell("pwd")):gsub("\n", "")
    local tagua = support.tagua:find("^/") and support.tagua or root .. "/" .. support.tagua
    local command = ("cd '%s' && XDG_STATE_HOME='%s/state' '%s' %s"):format(folder, folder, tagua, line)
    local code, out, err = support.shell((command .. " --yes"):gsub(" %-%-force losses", ""))
    assert.equal(5, code, out .. err)
    code, out, err = support.shell(command .. " --yes")
    assert.equal(0, code, out .. err)
    assert.matches("20 planned = 20 done", out, 1, true)
    f.open()
    assert.same({}, tags())
  end)

  it("takes a tag off by itself when the day changes where a rule counts days", function()
    begin([[
      timezone "Asia/Taipei"
      fields { last = latest("purchase") }
      tag "Today" { when = function(user) return days_since(user.last) < 1 end }
    ]])
    assert.equal(5, with_tag("Today"))
    f.clock.now = f.clock.now + 17 * HOUR -- 23:13
    f.events({ { "U77", "purchase" } })
    f.work()
    assert.equal(6, with_tag("Today"))
    f.clock.now = f.clock.now + HOUR -- 00:13
    f.work()
    assert.equal(0, with_tag("Today"))
  end)

  it("takes a tag off by itself within the hour where a rule counts hours, and in its own hours alone sends", function()
    begin([[
      timezone "Asia/Taipei"
      fields { last = latest("purchase") }
      tag "Fresh" { when = function(user) return hours_since(user.last) < 2 end }
    ]], 5, { hours = "06:00-09:00", zone = "Asia/Taipei" })
    assert.equal(5, with_tag("Fresh"))
    f.clock.now = f.clock.now + HOUR -- 07:13
    f.work()
    assert.equal(5, with_tag("Fresh"))
    f.clock.now = f.clock.now + 2 * HOUR -- 09:13
    f.keeper:round(0.3)
    assert.equal(5, with_tag("Fresh"))
    f.clock.now = f.clock.now + 21 * HOUR -- 06:13
    f.work()
    assert.equal(0, with_tag("Fresh"))
  end)

  it("puts a tag on and takes it off when the rules say so by the calendar", function()
    begin([[
      timezone "Asia/Taipei"
      fields { bought = count("purchase") }
      tag "Sale" { when = function(user) return user.bought > 0 end,
        starts = "2023-11-16 00:00", ends = "2023-11-17 00:00" }
    ]])
    assert.equal(0, with_tag("Sale"))
    f.clock.now = f.clock.now + DAY
    f.work()
    assert.equal(5, with_tag("Sale"))
    f.clock.now = f.clock.now + DAY
    f.work()
    assert.equal(0, with_tag("Sale"))
  end)

  it("lets events go before what was planned of their users before", function()
    begin(nil, 300, { rate = { per_second = 400 }, in_flight = 4 })
    assert.is_true(use(RULES .. 'tag "Once" { when = function(user) return user.bought == 1 end }'))
    f.work(function() return with_tag("Once") >= 10 end)
    f.events({ { "U300", "purchase" } }) -- the last of the sweep: not Once any more
    f.work()
    assert.equal(299, with_tag("Once"), f.state())
    assert.equal("Buyer 1", f.tags().U300)
    assert.equal("the user was decided again since",
      f.ask("select message from operation where user = 'U300' and outcome = 'skipped'"))
  end)

  it("is killed at any moment, and everybody has in the end what the events say, each tag put on once", function()
    f = with.new([[
      fields { bought = count("purchase"), spent = sum("purchase", "amount") }
      tag "Buyer" { when = function(user) return user.bought > 0 end }
      tag "VIP" { when = function(user) return user.spent >= 500 end }
      one_of "Tier" { { "Odd", function(user) return user.bought % 2 == 1 end }, { "Even", otherwise } }
    ]], { rate = { per_second = 400 }, in_flight = 8 })
    math.randomseed(11)
    local sums, wanted = {}, {}
    f.open()
    for _, name in ipairs({ "Buyer", "VIP", "Odd", "Even" }) do -- a tag whose making is cut off is for a person
      local tag = assert(f.connection:create_tag(name))
      assert(f.book:remember_tag({ id = tag.id, name = name, kind = "tag" }))
    end
    for round = 1, 25 do
      local list = {}
      for i = 1, 12 do
        local user, amount = ("U%02d"):format(math.random(20)), math.random(100)
        list[i] = { user, "purchase", { amount = amount }, id = round .. "-" .. i }
        local sum = sums[user] or { 0, 0 }
        sums[user] = { sum[1] + 1, sum[2] + amount }
      end
      f.events(list)
      f.keeper:round(math.random() / 20)
      f.kill()
      f.open()
    end
    f.work()
    for user, sum in pairs(sums) do
      wanted[user] = { Buyer = true, VIP = sum[2] >= 500 or nil, [sum[1] % 2 == 1 and "Odd" or "Even"] = true }
    end
    local found = {}
    for _, effect in ipairs(f.connection.twin.twin:effects()) do
      found[effect.user] = found[effect.user] or {}
      found[effect.user][effect.name] = true
      if effect.name == "Buyer" or effect.name == "VIP" then
        assert.equal(1, effect.count, ("%s on %s"):format(effect.name, effect.user))
      end
    end
    assert.same(wanted, found)
  end)
end)
