local json = require("tagua.json")
local pool = require("tagua.rules.pool")
local rules = require("tagua.rules")
local support = require("spec.support")

local HEAD = 'fields { orders = integer { if_empty = 0 } }\ntag "VIP" { when = function(user) return user.orders > 9 end }\n'

describe("a rule file's own sources", function()
  local p

  local function load(source, given)
    given = given or {}
    given.executable = support.tagua
    p = p or pool.start(given)
    return p:load({ source = HEAD .. source, name = "rules.lua" })
  end

  local function refused(source, message)
    local none, said, code = load(source)
    assert.is_nil(none)
    assert.equal("ERULES", code)
    assert.matches(message, said, 1, true)
    assert.matches("rules.lua:3:", said, 1, true)
  end

  after_each(function()
    if p then p:close() end
    p = nil
  end)

  it("are told in the description, functions and secrets left out", function()
    local ruleset = assert(load([[
      hook "orders" { to = "shop", verify = hmac_sha256 { header = "X-Sign", secret = "crm", encoding = "base64" },
        event = function(body) end }
      hook "crm.v2" { verify = bearer { secret = "crm" }, event = function() end }
      hook "old" { verify = hmac_sha1 { header = "X-Hub-Signature", secret = "crm", prefix = "sha1=" }, event = function() end }
      reply "vip" { type = "text", text = "歡迎", buttons = { { title = "看", type = "web_url" } }, quick = {} }
      poll { every = "15m" }
    ]]))
    local hooks = ruleset.hooks
    assert.same({ to = "shop", line = 3, file = "rules.lua", verify = { header = "X-Sign", secret = "crm", encoding = "base64",
      prefix = "", algorithm = "sha256" } }, hooks.orders)
    assert.same({ secret = "crm", bearer = true }, hooks["crm.v2"].verify)
    assert.same({ "sha1", "sha1=" }, { hooks.old.verify.algorithm, hooks.old.verify.prefix })
    assert.same({ type = "text", text = "歡迎", buttons = { { title = "看", type = "web_url" } }, quick = {} },
      json.decode(ruleset.replies.vip))
    assert.same({ every = 900 }, ruleset.poll)
    ruleset = assert(rules.load({ source = HEAD .. 'hook "a" { verify = bearer { secret = "s" }, event = function() end }' }))
    assert.equal("s", ruleset.hooks.a.verify.secret)
  end)

  it("are empty where the file names none", function()
    local ruleset = assert(load(""))
    assert.same({ {}, {} }, { ruleset.hooks, ruleset.replies })
    assert.is_nil(ruleset.poll)
  end)

  it("are refused where they make no sense, at their line", function()
    local fine = 'verify = bearer { secret = "s" }, event = function() end'
    refused('hook "line" { ' .. fine .. " }", "its name is its path")
    refused('hook "a/b" { ' .. fine .. " }", "its name is its path")
    refused('hook ".." { ' .. fine .. " }", "its name is its path")
    refused('hook "a" { event = function() end }', "option 'verify' is missing")
    refused('hook "a" { verify = bearer { secret = "s" } }', "option 'event' is missing")
    refused('hook "a" { verify = { secret = "s" }, event = function() end }', "must be hmac_sha256")
    refused('hook "a" { ' .. fine .. ", too = 1 }", "unknown option 'too'")
    refused('hook "a" { ' .. fine .. ' } hook "a" { ' .. fine .. " }", "hook 'a' is written twice: it is in line 3 already")
    refused('hook "a"', "lacks its braces")
    refused('hook "a" { verify = hmac_sha256 { header = "X A", secret = "s" }, event = function() end }',
      "must be the name of a header")
    refused('hook "a" { verify = hmac_sha256 { header = "X", secret = "my secret!" }, event = function() end }',
      "never the secret itself")
    refused('hook "a" { verify = hmac_sha256 { secret = "s" }, event = function() end }', "option 'header' is missing")
    refused('hook "a" { verify = hmac_sha256 { header = "X", secret = "s", encoding = "hexa" }, event = function() end }',
      "one of hex, base64")
    refused('reply "x" { when = function() end }', "this holds a function")
    refused('reply "x" { 1, a = 2 }', "mixes a list with other keys")
    refused('reply "x" { 0/0 }', "a number that is none")
    refused('local t = {} t.t = t reply "x" (t)', "in a circle")
    refused('poll { every = "30s" }', 'from "1m" to "7d"')
    refused('poll { every = "15m" } poll { every = "15m" }', "poll { } is written twice")
  end)

  describe("a hook", function()
    local function hook(body_of_function, bodies, given)
      assert(load('local seen = 0\nhook "h" { verify = bearer { secret = "s" }, event = function(body)\n' .. body_of_function
        .. "\nend }", given))
      return assert(p:hook("h", bodies, 1795255200123))
    end

    it("makes events of a body: one, several or none", function()
      local results = hook([[
        if body.none then return nil end
        if body.list then return { { user = "U1", type = "a" }, { user = 123456789012345678, type = "b", id = 7 } } end
        return { user = body.customer.line, type = "purchase", at = body.at, id = body.id, amount = body.total,
          shop = { city = body.city, open = true, list = { 1 } } }
      ]], { '{"customer":{"line":"U9"},"total":1280.5,"id":"o-1","city":"台北","at":"2026-11-21 18:00"}', '{"none":1}', '{"list":1}',
        '{"customer":{"line":"U8"},"at":1795255200}', '{"customer":{"line":"U8"},"at":1795255200999}' })
      assert.same({ { user = "U9", type = "purchase", at = 1795255200000, id = "o-1",
        fields = { amount = 1280.5, ["shop.city"] = "台北", ["shop.open"] = true } } }, results[1].events)
      assert.same({}, results[2].events)
      assert.same({ "123456789012345678", "b", "7", 1795255200123 }, { results[3].events[2].user, results[3].events[2].type,
        results[3].events[2].id, results[3].events[2].at })
      assert.same({ 1795255200000, 1795255200999 }, { results[4].events[1].at, results[5].events[1].at })
    end)

    it("says what is wrong with what it returned, and the others have theirs", function()
      local results = hook("return body[1]", { "[5]", '[{"type":"t"}]', '[{"user":"U"}]', '[{"user":"U","type":"t","at":"soon"}]',
        '[{"user":1.5,"type":"t"}]', '[[1]]', "{", '[{"user":"U","type":"t"}]', '["x"]' })
      for i, message in ipairs({ "must return an event", "wants its user as text; got nil (return nil for what is about no user)",
        "wants its type as text", "at is no moment: 'soon'", "wants its user as text; got 1.5", "event 1: must be a table",
        "not JSON" }) do
        assert.matches(message, results[i].failed or "", 1, true)
      end
      assert.matches("^rules.lua:4: hook 'h' ", results[1].failed)
      assert.equal("U", results[8].events[1].user)
      assert.matches("must return an event", results[9].failed, 1, true)
    end)

    it("costs only itself when it raises, at its line", function()
      local results = hook('if body.bad then error("no " .. body.bad) end\nif body.odd then return body.a.b end\n'
        .. 'if body.t then error({}) end'
        .. '\nreturn { user = "U", type = "t" }', { '{"bad":"good"}', "{}", '{"odd":1}', '{"t":1}' })
      assert.matches("^rules.lua:5: no good", results[1].failed)
      assert.equal("U", results[2].events[1].user)
      assert.matches("^rules.lua:6: .*nil", results[3].failed)
      assert.matches("raised a table", results[4].failed)
    end)

    it("costs only itself when it runs away, in time or in memory", function()
      local results = hook('if body.time then while true do pcall(error) end end\n'
        .. 'if body.space then local s = "x" while true do s = s .. s end end'
        .. '\nreturn { user = body.u, type = "t" }', { '{"u":"U1"}', '{"time":1}', '{"u":"U2"}', '{"space":1}', '{"u":"U3"}' },
        { seconds = 0.1, memory = 16 * 1024 * 1024 })
      assert.matches("ran out of time", results[2].failed)
      assert.matches("ran out of memory", results[4].failed)
      assert.same({ "U1", "U2", "U3" }, { results[1].events[1].user, results[3].events[1].user, results[5].events[1].user })
    end)

    it("costs only itself when it ends its worker", function()
      local results = hook('if body.stuck then return ("a"):rep(3000):find(("a-"):rep(40) .. "b") end\n'
        .. 'return { user = body.u, type = "t" }',
        { '{"u":"U1"}', '{"stuck":1}', '{"u":"U2"}' }, { seconds = 0.05 })
      assert.matches("the hook got stuck inside one call", results[2].failed)
      assert.same({ "U1", "U2" }, { results[1].events[1].user, results[3].events[1].user })
      assert.is_true(p:test()[1] == nil) -- the pool goes on
    end)

    it("keeps nothing from one body to the next", function()
      local results = hook('seen = seen + 1\nreturn { user = "U" .. seen, type = "t" }', { "{}", "{}" })
      assert.matches("changed 'seen', which is not its own", results[1].failed)
      assert.matches("changed 'seen', which is not its own", results[2].failed)
      results = hook('other = 1\nreturn { user = "U", type = "t" }', { "{}" })
      assert.matches("the global 'other' is written inside a rule", results[1].failed)
    end)

    it("has no more at hand than a rule", function()
      local results = hook("return { user = 'U', type = tostring(os or io or require or load or debug) }", { "{}" })
      assert.matches("'os' is not available", results[1].failed)
    end)

    it("takes many bodies, however large, and knows when each came", function()
      local bodies, times = {}, {}
      for i = 1, 150 do
        bodies[i] = ('{"u":"U%d","pad":"%s"}'):format(i, ("x"):rep(i % 40 == 0 and 1000000 or 10))
        times[i] = 1795255200000 + i
      end
      assert(load('hook "h" { verify = bearer { secret = "s" }, event = function(body) return { user = body.u, type = "t" } end }'))
      local results = assert(p:hook("h", bodies, times))
      for i = 1, 150 do
        assert.same({ "U" .. i, times[i] }, { results[i].events[1].user, results[i].events[1].at })
      end
    end)

    it("knows the moment, and does not take another hook's name", function()
      local results = hook("return { user = 'U', type = today() == nil and 'no' or 't', now = now() }", { "{}" })
      assert.equal(1795255200, results[1].events[1].fields.now)
      local none, message, code = p:hook("other", { "{}" }, 0)
      assert.is_nil(none)
      assert.same({ "rules.lua has no hook 'other'", "ERULES" }, { message, code })
    end)
  end)

  describe("a test of a hook", function()
    local HOOK = 'local rate = 2\nhook "orders" { verify = bearer { secret = "s" }, event = function(body)\n'
      .. 'if body.loop then while true do end end\nif body.status ~= "paid" then return nil end\n'
      .. 'body.status = nil\nreturn { user = body.buyer.line, type = "purchase", at = body.at, amount = body.total * rate } end }\n'

    local function run(test)
      assert(load(HOOK .. 'test "t" { hook = "orders", ' .. test .. " }", { seconds = 0.1 }))
      return assert(p:test({ at = 1795255200 }))[1]
    end

    it("passes where the event is as expected, whatever else it has", function()
      local paid = 'body = { status = "paid", buyer = { line = "U1" }, total = 640, at = "2026-11-21 18:00" }, '
      assert.is_true(run(paid .. 'expect_event = { user = "U1", type = "purchase", amount = 1280, at = "2026-11-21 18:00" }').ok)
      assert.is_true(run(paid .. 'expect_event = { { type = "purchase" } }').ok)
      assert.is_true(run('body = { status = "open" }, expect_event = false').ok)
      assert.is_true(run([[body = '{"status":"paid","buyer":{"line":7},"total":1}', expect_event = { user = 7, at = 1795255200 }]]).ok)
      local own = assert(rules.load({ source = HEAD .. HOOK .. 'test "t" { hook = "orders", body = {}, expect_event = false }' }))
      assert.is_true(own:test()[1].ok)
    end)

    it("says how it differs", function()
      local result = run('body = { status = "paid", buyer = { line = "U1" }, total = 1 }, expect_event = { user = "U2", amount = 3 }')
      assert.same({ false, "user: expected 'U2', got 'U1'\namount: expected 3, got 2" }, { result.ok, result.message })
      result = run('body = {}, expect_event = { user = "U2" }')
      assert.equal("expected 1 event, got 0", result.message)
      result = run('body = { status = "paid" }, expect_event = false')
      assert.matches("^rules.lua:8: .*nil", result.message)
      assert.is_true(result.raised)
      result = run('body = { loop = true }, expect_event = false')
      assert.matches("hook 'orders' ran out of time", result.message)
    end)

    it("is refused where it makes no sense", function()
      local function wrong(test, message)
        local none, said = load(HOOK .. 'test "t" { ' .. test .. " }")
        assert.is_nil(none)
        assert.matches(message, said, 1, true)
      end
      wrong('hook = "order", body = {}, expect_event = false', "there is no hook 'order' (did you mean 'orders'?)")
      wrong('hook = "orders", expect_event = false', "option 'body' is missing")
      wrong('hook = "orders", body = {}', "option 'expect_event' is missing")
      wrong('hook = "orders", body = "{", expect_event = false', "option 'body': not JSON")
      wrong('hook = "orders", body = {}, user = {}, expect_event = false', "and no user")
      wrong('hook = "orders", body = {}, expect_event = { 5 }', "event 1 must be a table")
      wrong('user = {}, body = {}, expect = {}', "body and expect_event belong to a test of a hook")
      wrong('user = {}', "option 'expect' is missing")
    end)
  end)
end)
