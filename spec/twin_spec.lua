local cjson = require("cjson")
local core = require("tagua.core")
local http = require("spec.support.http")
local fixture = require("spec.support.twin")
local support = require("spec.support")
local twin = require("tagua.twin")
local BOT, TOKEN = fixture.BOT, fixture.TOKEN

describe("twin", function()
  local f
  local function open(options) return f.open(options) end
  local function ask(...) return f.ask(...) end
  local function create(...) return f.create(...) end
  local function body_for(...) return f.body_for(...) end
  local function refused(...) assert.is_true(fixture.refused(...)) end

  before_each(function() f = fixture.fixture() end)
  after_each(function() f.close() end)

  describe("access", function()
    it("is refused without a token, and with one that is not known", function()
      open()
      refused(ask("GET", "/tag/x", nil, { token = false }), 401)
      refused(ask("GET", "/tag/x", nil, { token = "wrong" }), 401)
    end)

    it("ends with the token's time", function()
      local now = 1000
      open { now = function() return now end }
      assert(f.t:add_token(f.token, { bot = BOT, expires = 2000 }))
      refused(ask("GET", "/tag/x"), 404)
      now = 2000
      refused(ask("GET", "/tag/x"), 401)
    end)

    it("is refused for another bot", function()
      open()
      refused(ask("POST", "/tag/autogen", { botId = "bot-other", name = "x", type = 0 }), 403)
    end)

    it("keeps the token's hash alone", function()
      open { store = f.folder .. "/twin.db" }
      ask("GET", "/tag/x")
      f.t:close()
      local found = support.shell("grep -c '" .. TOKEN .. "' " .. f.folder .. "/twin.db*")
      assert.equal(1, found)
    end)

    it("notices tokens that another process adds and removes", function()
      open { store = f.folder .. "/twin.db" }
      refused(ask("GET", "/tag/x"), 404)
      local other = assert(require("tagua.twin.store").open(f.folder .. "/twin.db"))
      local id = other:tokens()[1].id
      assert.is_true(other:remove_token(id))
      refused(ask("GET", "/tag/x"), 401)
      assert(other:add_token(f.token:sha256(), { bot = BOT }))
      refused(ask("GET", "/tag/x"), 404)
      local none, message, code = other:remove_token("0000000")
      assert.is_nil(none)
      assert.matches("0000000", message)
      assert.equal("ENOTFOUND", code)
      other:close()
    end)

    it("is limited by a real limiter, which says when to come again", function()
      local now = 1000000
      open { rate = { per_second = 2 }, now = function() return now end }
      refused(ask("GET", "/tag/x"), 404)
      local answer = ask("GET", "/tag/x")
      refused(answer, 429)
      assert.equal("1", answer.headers["retry-after"])
      now = now + 499
      refused(ask("GET", "/tag/x"), 429)
      now = now + 1
      refused(ask("GET", "/tag/x"), 404)
      assert.equal(2, f.t:stats().throttled)
    end)
  end)

  it("keeps everything over a restart", function()
    open { store = f.folder .. "/twin.db" }
    local tag = create("VIP", create("folder", nil, 1))
    ask("POST", "/user/tag", body_for(tag))
    local uid = ask("POST", "/user/taglist", body_for(nil)).json.res[1].bot_uid
    f.t:close()
    f.t = assert(twin.open { store = f.folder .. "/twin.db" })
    local entry = ask("POST", "/user/taglist", body_for(nil)).json.res[1]
    assert.equal(tag, entry.tags[1].id)
    assert.equal(uid, entry.bot_uid)
  end)

  it("answers many clients at once, in few transactions", function()
    open()
    local tag, requests = create("VIP"), {}
    for i = 1, 24 do
      requests[i] = { method = "POST", path = "/user/tag", body = body_for(tag, "U" .. i) }
    end
    for _, answer in ipairs(f.ask_all(requests, true)) do
      assert.equal(200, answer.status)
    end
    assert.equal(24, #f.t:effects())
    assert.equal(25, f.t:stats().requests)
    assert.is_true(f.t:stats().batches < 10)
  end)

  it("answers ten thousand requests and keeps nothing of them", function()
    open()
    local tag = create("VIP")
    local bodies = { cjson.encode(body_for(tag)), cjson.encode(body_for("tag-none")), "{", "" }
    local clients = {}
    local function start(count)
      local texts = {}
      for i = 1, count do
        texts[i] = http.text({ method = "POST", path = "/v1/api/user/tag", body = bodies[i % #bodies + 1],
          token = TOKEN, keep = i < count })
      end
      clients[#clients + 1] = http.start(f.t:address(), table.concat(texts))
    end
    local function finish()
      http.finish(function()
        if f.t:step() == 0 then core.system.sleep(0.01) end
      end, clients)
      collectgarbage()
      collectgarbage()
      return collectgarbage("count")
    end
    start(100)
    local before = finish()
    for _ = 1, 16 do
      start(625)
    end
    local grown = finish() - before
    assert.is_true(grown < 100, ("%.0f KiB more"):format(grown))
    assert.equal(10101, f.t:stats().requests)
    assert.equal(25 + 16 * 156, f.t:effects()[1].count)
  end)

  it("spoils only the request that the database refuses, not those that came with it", function()
    open()
    local tag = create("VIP")
    f.t.store.db:exec("CREATE TRIGGER poison BEFORE INSERT ON user_tags WHEN (SELECT id FROM users WHERE key = new.user)"
      .. " = 'Upoison' BEGIN SELECT raise(ABORT, 'poisoned'); END")
    local requests = {}
    for i, user in ipairs { "U1", "Upoison", "U2" } do
      requests[i] = { method = "POST", path = "/user/tag", body = body_for(tag, user) }
    end
    local answers = f.ask_all(requests, true)
    assert.equal(200, answers[1].status)
    refused(answers[2], 500)
    assert.equal(200, answers[3].status)
    local effects = f.t:effects()
    assert.same({ "U1", 1, "U2", 1 }, { effects[1].user, effects[1].count, effects[2].user, effects[2].count })
    assert.equal(3, f.t:stats().effects.tag + f.t:stats().effects.create)
    assert.matches("poisoned", f.t:stats().last_failure)
  end)

  it("listens on a Unix socket inside the process", function()
    open { address = "unix:" .. f.folder .. "/socket" }
    refused(ask("GET", "/tag/x"), 404)
  end)

  it("says what is wrong with its options and its store", function()
    assert.has_error(function() twin.open { store = ":memory:", adress = "x" } end)
    assert.has_error(function() twin.open {} end)
    support.write(f.folder .. "/no.db", ("not a database"):rep(100))
    local none, message = twin.open { store = f.folder .. "/no.db" }
    assert.is_nil(none)
    assert.matches("no.db", message, 1, true)
    none, message = twin.open { store = ":memory:", address = "nowhere" }
    assert.is_nil(none)
    assert.matches("'nowhere'", message)
  end)
end)
