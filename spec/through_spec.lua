-- A program that uses the module with a ledger, alone and beside an apply.
local command = require("spec.support.command")
local core = require("tagua.core")
local support = require("spec.support")
local tagua = require("tagua")
local twin_process = require("spec.support.twin_process")

describe("perform through a ledger", function()
  local place, shop

  before_each(function()
    place = command.place()
  end)

  after_each(function()
    if shop then shop:close() end
    shop = nil
    place:close()
  end)

  local function connect(more)
    local given = { platform = "local", name = "local", store = place.folder .. "/tagua-local.db",
      ledger = place.folder .. "/tagua.db", rate = { per_second = 5000 }, quarantine = 0.1 }
    for name, value in pairs(more or {}) do given[name] = value end
    shop = assert(tagua.connect(given))
    return shop
  end

  local function asked(file, sql)
    local code, out = support.shell(("sqlite3 -batch %s/%s \"%s\""):format(place.folder, file, sql))
    return code == 0 and out:gsub("\n$", "") or out
  end

  -- Misuse raises at the line of this file.
  local function misused(pattern, f)
    local ok, message = pcall(f)
    assert.is_false(ok)
    assert.matches("through_spec.lua:%d+: " .. pattern, message)
  end

  it("keeps every operation and its outcome, and settles what got no answer", function()
    connect({ faults = { faults = { { ["do"] = "drop_after_work", path = "/v1/api/user/tag", every = 3 } } } })
    local tag = assert(shop:create_tag("VIP")).id
    local users = {}
    for i = 1, 20 do users[i] = { "tag", user = "U" .. i, tag = tag } end
    users[21] = { "tag", user = {}, tag = tag }
    local fine, wrong, at = 0, {}, 0
    for result in shop:perform(function()
      at = at + 1
      return users[at]
    end) do
      if result.ok then fine = fine + 1 else wrong[#wrong + 1] = result.code end
    end
    assert.equal(20, fine)
    assert.same({ "EUSAGE" }, wrong)
    assert.equal("20|20", asked("tagua-local.db", "select count(*), sum(count) from user_tags"))
    assert.equal("event|done|20|20|0", asked("tagua.db", "select kind, state, planned, done, left from runs"))
  end)

  it("checks a list before anything is sent, and takes no options", function()
    connect()
    local tag = assert(shop:create_tag("VIP")).id
    misused("perform: operation 2: through a ledger the user of an operation must be its id", function()
      shop:perform({ { "tag", user = "U1", tag = tag }, { "tag", user = {}, tag = tag } })
    end)
    misused("perform: operation 1: .*methods do the rest", function() shop:perform({ { "user_tags", user = "U1" } }) end)
    misused("perform: through a ledger it takes no options", function() shop:perform({}, { in_flight = 4 }) end)
    assert.equal("0", asked("tagua-local.db", "select count(*) from user_tags"))
  end)

  it("is what tag_user and untag_user do as well, each a run of its own", function()
    connect({ faults = { faults = { { ["do"] = "drop_after_work", path = "/v1/api/user/tag", first = 1 } } } })
    local tag = assert(shop:create_tag("VIP")).id
    assert.is_true(shop:tag_user("U1", tag)) -- its answer was lost
    assert.is_true(shop:tag_user("U2", tag))
    assert.is_true(shop:untag_user("U2", tag))
    assert.equal("U1|1", asked("tagua-local.db", "select u.id, t.count from user_tags t join users u on u.key = t.user"))
    assert.equal("U1 tag unattributed,U2 tag done,U2 untag done", asked("tagua.db",
      "select group_concat(user || ' ' || action || ' ' || outcome, ',') from (select * from operations order by run)"))
    local ok, message, code = shop:tag_user("U1", "tag-nowhere")
    assert.is_nil(ok)
    assert.matches("connection 'local': cannot put the tag", message, 1, true)
    assert.equal("ENOTFOUND", code)
    misused("tag_user: .*must be its id, a string", function() return (shop:tag_user(7, tag)) end)
  end)

  it("is what start says to use, for it can't wait", function()
    connect()
    local tag = assert(shop:create_tag("VIP")).id
    misused("start: the connection has a ledger, .*use perform, tag_user or untag_user", function()
      shop:start({ "tag", user = "U1", tag = tag })
    end)
    shop:start({ "user_tags", user = "U1" })
    assert.equal(1, #shop:poll(5))
  end)

  it("sends only in the connection's hours", function()
    local hour = tonumber(os.date("!%H"))
    connect({ hours = ("%02d:00-%02d:00"):format((hour + 2) % 24, (hour + 3) % 24), zone = "UTC" })
    local ok, message, code = shop:tag_user("U1", "tag-1")
    assert.is_nil(ok)
    assert.equal("EHOURS", code)
    assert.matches("'local' sends from", message, 1, true)
    assert.equal("0", asked("tagua.db", "select count(*) from run"))
  end)

  it("goes, from two programs and an apply at once, through one sender, each operation once", function()
    place:write("faults.json", '{ "faults": [ { "do": "drop_after_work", "path": "/v1/api/user/tag", "every": 9 } ] }')
    local twin = place:start(("twin serve --listen unix:%s/twin.sock --store twin.db --faults faults.json"):format(
      place.folder))
    place:run("twin token add --bot bot-1 --store twin.db >token.txt && chmod 600 token.txt")
    assert(command.await(function() return core.system.file_kind(place.folder .. "/twin.sock") end), twin:file("err"))
    local options = ([[platform = "botbonnie", bot = "bot-1", page = "page-1", channel = "line",
      url = "unix:%s/twin.sock", rate = { per_second = 400 }, timeout = 5, quarantine = 0.1]]):format(place.folder)
    place:write("connections.lua", ('connection "shop" { %s, token = file "token.txt" }\n'):format(options))
    local rows = { "id,orders" }
    for i = 1, 300 do rows[#rows + 1] = ("A%03d,12"):format(i) end
    place:write("users.csv", table.concat(rows, "\n") .. "\n")
    place:write("rules.lua", 'fields { orders = integer }\ntag "Buyer" { when = function(user) return user.orders > 0 end }\n')
    assert.equal(0, (place:run("tag U0 VIP --create --to shop")))
    local vip = asked("tagua.db", "select id from tag where name = 'VIP'")
    place:write("program.lua", ([[
      local tagua = require("tagua")
local twin_process = require("spec.support.twin_process")
      local shop = assert(tagua.connect { %s, name = "shop", token = tagua.file("%s/token.txt"), ledger = "%s/tagua.db" })
      local at, fine = 0, 0
      for result in shop:perform(function()
        at = at + 1
        return at <= 60 and { "tag", user = arg[1] .. at, tag = "%s" } or nil
      end) do
        fine = fine + (result.ok and 1 or 0)
      end
      for i = 61, 65 do
        fine = fine + (shop:tag_user(arg[1] .. i, "%s") and 1 or 0)
      end
      print(fine)
    ]]):format(options, place.folder, place.folder, vip, vip))
    local function program(prefix)
      return io.popen(("XDG_STATE_HOME=%s/state %s lua5.4 %s/program.lua %s 2>&1"):format(place.folder,
        twin_process.environment(), place.folder, prefix))
    end
    local first = place:start("apply rules.lua --users users.csv --to shop --yes")
    assert.is_truthy(first:line("300 tags on", "err"), first:file("err"))
    local one, two = program("B"), program("C")
    assert.equal("65\n", one:read("a"))
    assert.equal("65\n", two:read("a"))
    local code, out, err = first:wait()
    assert.equal(0, code, err)
    assert.matches("300 planned = 300 done", out, 1, true)
    assert.equal("431|431", asked("twin.db", "select count(*), sum(count) from user_tags"))
    assert.equal("431|431|0", asked("tagua.db", "select sum(planned), sum(done), sum(state <> 'done') from runs"))
  end)

  it("takes over from an apply that is killed, settling first", function()
    local rows = { "id,orders" }
    for i = 1, 200 do rows[#rows + 1] = ("A%03d,12"):format(i) end
    place:write("users.csv", table.concat(rows, "\n") .. "\n")
    place:write("rules.lua", 'fields { orders = integer }\ntag "Buyer" { when = function(user) return user.orders > 0 end }\n')
    place:write("connections.lua", ([[connection "local" {
      platform = "local", store = "%s/tagua-local.db", rate = { per_second = 40 }, quarantine = 0.1 }]]):format(place.folder))
    assert.equal(0, (place:run("tag U0 VIP --create")))
    local first = place:start("apply rules.lua --users users.csv --yes")
    assert.is_truthy(first:line("200 tags on", "err"), first:file("err"))
    connect({ rate = { per_second = 200 } })
    local vip, operations = asked("tagua.db", "select id from tag where name = 'VIP'"), {}
    for i = 1, 60 do operations[i] = { "tag", user = "U" .. i, tag = vip } end
    os.execute(("(sleep 0.5; kill -KILL %s) 2>/dev/null &"):format(first.pid))
    local fine = 0
    for result in shop:perform(operations) do
      assert.is_true(result.ok, result.message)
      fine = fine + 1
    end
    assert.equal(60, fine)
    assert.equal("abandoned", asked("tagua.db", "select state from run where kind = 'apply'"))
    assert.equal("0", asked("tagua.db", "select count(*) from operations where outcome = 'sending'"))
    assert.equal(0, (place:run("apply rules.lua --users users.csv --yes")))
    assert.equal("261|261", asked("tagua-local.db", "select count(*), sum(count) from user_tags"))
  end)

  it("goes through an apply that is sending, before what that has left", function()
    local rows = { "id,orders" }
    for i = 1, 200 do rows[#rows + 1] = ("A%03d,12"):format(i) end
    place:write("users.csv", table.concat(rows, "\n") .. "\n")
    place:write("rules.lua", 'fields { orders = integer }\ntag "Buyer" { when = function(user) return user.orders > 0 end }\n')
    place:write("connections.lua", ([[connection "local" {
      platform = "local", store = "%s/tagua-local.db", rate = { per_second = 40 } }]]):format(place.folder))
    assert.equal(0, (place:run("tag U0 VIP --create")))
    local first = place:start("apply rules.lua --users users.csv --yes")
    assert.is_truthy(first:line("200 tags on", "err"), first:file("err"))
    connect()
    local vip = asked("tagua.db", "select id from tag where name = 'VIP'")
    for result in shop:perform({ { "tag", user = "U1", tag = vip } }) do
      assert.is_true(result.ok, result.message)
    end
    assert.equal("", first:file("rc"), "the apply is still under way")
    assert.equal("sending", asked("tagua.db", "select state from run where kind = 'apply'"))
    assert.equal("1", asked("tagua.db", "select count(*) from connection where sender like '" .. first.pid .. " %'"))
    assert.equal(0, (first:wait()))
    assert.equal("202|202", asked("tagua-local.db", "select count(*), sum(count) from user_tags"))
  end)
end)
