-- A program that uses the module with a ledger, alone and beside an apply.
local command = require("spec.support.command")
local support = require("spec.support")
local tagua = require("tagua")

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

  it("keeps every operation and its outcome, and settles what got no answer", function()
    connect({ faults = { faults = { { ["do"] = "drop_after_work", path = "/v1/api/user/tag", every = 3 } } } })
    local tag = assert(shop:create_tag("VIP")).id
    local users = {}
    for i = 1, 20 do users[i] = { "tag", user = "U" .. i, tag = tag } end
    users[21] = { "tag", user = {}, tag = tag }
    local fine, wrong = 0, {}
    for result in shop:perform(users) do
      if result.ok then fine = fine + 1 else wrong[#wrong + 1] = result.code end
    end
    assert.equal(20, fine)
    assert.same({ "EUSAGE" }, wrong)
    assert.equal("20|20", asked("tagua-local.db", "select count(*), sum(count) from user_tags"))
    assert.equal("event|done|20|20|0", asked("tagua.db", "select kind, state, planned, done, left from runs"))
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
