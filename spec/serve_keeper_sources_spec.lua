-- The other sources of a keeper: bodies of the rule file's own hooks, and the platform's list of users.
local with = require("spec.support.keeper")

describe("the keeper", function()
  local f

  after_each(function()
    if f then f.close() end
    f = nil
  end)

  local function raws(list)
    local found = {}
    for i, body in ipairs(list) do found[i] = { connection = "shop", hook = "orders", body = body, at = f.clock.now } end
    assert(f.box:take({ raws = found }))
  end

  local HOOKS = [[
    fields { bought = count("purchase"), city = text }
    tag "Buyer" { when = function(user) return user.bought > 0 end }
    tag "VIP" { when = function(user) return user.bought > 1 end }
    hook "orders" {
      verify = hmac_sha256 { header = "X-Signature", secret = "shop" },
      event = function(body)
        while body.stuck do end
        return { user = body.who, type = "purchase", id = body.number, city = body.city }
      end,
    }
  ]]

  it("makes events of bodies by the rule file's hook, each counted once", function()
    f = with.new(HOOKS)
    f.open()
    f.work()
    raws({ '{"who":"U1","number":"7","city":"Taipei"}', '{"who":"U1","number":"7"}', '{"who":"U2","number":"8"}' })
    f.work(function() return f.tags().U2 ~= nil end)
    assert.same({ U1 = "Buyer 1", U2 = "Buyer 1" }, f.tags())
    assert.equal(3, f.count("tagua_hooks_total", "outcome", "done"))
    assert.same({}, f.box:raws("shop", 0, 10))
    raws({ '{"who":"U1","number":"9"}' })
    f.kill()
    f.open()
    f.work(function() return f.tags().U1 == "Buyer 1, VIP 1" end)
  end)

  it("counts a body that the hook refuses, says why, and keeps it for a while", function()
    f = with.new(HOOKS)
    f.open()
    f.work()
    f.keeper.pool.seconds = 0.1
    raws({ '{"number":"1"}', "not JSON", '{"who":"U1","stuck":true}', '{"who":"U3","number":"4"}' })
    f.work(function() return f.tags().U3 ~= nil end)
    assert.equal(3, f.count("tagua_hooks_total", "outcome", "refused"))
    assert.equal(3, #f.told("hook_refused"))
    assert.matches("hook 'orders' can't make an event of a body: .*user", f.told("hook_refused")[1])
    assert.equal(3, #f.box:raws("shop", 0, 10))
    local _, heard = require("tagua.events.follow").settled(f.folder .. "/tagua.db")
    assert.same({ shop = 4 }, heard)
    f.clock.now = f.clock.now + 31 * 86400000
    f.keeper.forget_ns = 0
    f.work(function() return #f.box:raws("shop", 0, 10) == 0 end)
    assert.equal(3, f.count("tagua_hooks_total", "outcome", "refused"))
  end)

  it("lets a body wait a minute for rules that have its hook", function()
    local before = HOOKS:gsub('hook "orders"', 'hook "others"')
    f = with.new(before)
    f.open()
    f.work()
    raws({ '{"who":"U1","number":"7"}' })
    f.keeper:round(0.2)
    assert.equal(0, f.count("tagua_hooks_total", "outcome", "refused"))
    assert(f.keeper:use({ name = "rules.lua", source = HOOKS }))
    f.work(function() return f.tags().U1 ~= nil end)
    assert(f.keeper:use({ name = "rules.lua", source = before }))
    raws({ '{"who":"U2","number":"8"}' })
    f.clock.now = f.clock.now + 61000
    f.work(function() return f.count("tagua_hooks_total", "outcome", "refused") == 1 end)
  end)

  it("reads the platform's users before anybody is decided, and sends nothing twice that was there", function()
    f = with.new('fields { bought = count("purchase") }\ntag "Buyer" { when = function(user) return user.bought > 0 end }')
    f.open()
    local tag = assert(f.connection:create_tag("Buyer"))
    assert(f.connection:tag_user("U1", tag.id))
    f.events({ { "U1", "purchase" }, { "U2", "purchase" } })
    f.work()
    assert.same({ U1 = "Buyer 1", U2 = "Buyer 1" }, f.tags())
    assert.equal(1, f.count("tagua_polls_total", "outcome", "done"))
    assert.matches("read 1 users of the platform", f.told("pulled")[1])
  end)

  it("polls the platform where the rules say so, and decides who is new or another, on the mirror's record", function()
    f = with.new([[
      poll { every = "15m" }
      fields { name = text, level = integer, bought = count("purchase"), city = text }
      tag "Named" { when = function(user) return user.name == "Ann" end }
      tag "High" { when = function(user) return user.level >= 3 end }
      tag "Both" { when = function(user) return user.level >= 3 and user.bought > 0 end }
    ]])
    f.open()
    f.work()
    local polls = f.count("tagua_polls_total", "outcome", "done")
    assert(f.connection:set_params("U1", { level = 5 }))
    f.keeper:round(0.1)
    assert.equal(polls, f.count("tagua_polls_total", "outcome", "done"))
    assert.same({}, f.tags())
    f.clock.now = f.clock.now + 900000
    f.work(function() return f.tags().U1 ~= nil end)
    f.work()
    assert.same({ U1 = "High 1" }, f.tags())
    f.events({ { "U1", "purchase" } })
    f.work()
    assert.same({ U1 = "Both 1, High 1" }, f.tags())
    assert(f.connection:set_params("U1", { level = 1 }))
    f.clock.now = f.clock.now + 900000
    f.work(function() return next(f.tags()) == nil end)
    assert.equal(polls + 2, f.count("tagua_polls_total", "outcome", "done"))
  end)
end)
