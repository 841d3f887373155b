-- The Unix socket of tagua serve: what other programs of the host hand over is on disk before it is answered.
local core = require("tagua.core")
local http = require("spec.support.http")
local inboxes = require("tagua.events.inbox")
local intakes = require("tagua.serve.intake")
local json = require("tagua.json")
local ledgers = require("spec.support.ledger")
local logs = require("tagua.serve.log")
local socket = require("tagua.serve.socket")
local support = require("spec.support")

describe("the socket for other programs", function()
  local NOW = 1795251600000
  local folder, remove, box, taker

  local function open(connections, ledger, more)
    box = assert(inboxes.open(folder .. "/events.db", { now = function() return NOW end }))
    local given = { socket = folder .. "/tagua.sock", inbox = box, log = logs.open({ write = function() end }),
      now = function() return NOW end }
    for name, value in pairs(more or {}) do given[name] = value end
    taker = assert(intakes.open(given))
    socket.add(taker, { connections = connections or { "shop" }, ledger = ledger or folder .. "/tagua.db" })
  end

  before_each(function() folder, remove = support.folder() end)
  after_each(function()
    taker:close()
    box:close()
    remove()
  end)

  local function ask_all(requests)
    local clients, answers = {}, {}
    for i, request in ipairs(requests) do
      if type(request.body) == "table" then request.body = assert(json.encode(request.body)) end
      clients[i] = http.start("unix:" .. folder .. "/tagua.sock", http.text(request))
    end
    http.finish(function() taker:wait(0.01) end, clients)
    for i, client in ipairs(clients) do
      answers[i] = client.answer()
      answers[i].json = json.decode(answers[i].body)
    end
    return answers
  end

  local function post(path, body, headers) return ask_all({ { path = path, body = body, headers = headers } })[1] end

  -- The same as a plain reader of the file sees it.
  local function wishes(connection)
    local other = assert(inboxes.open(folder .. "/events.db", { read_only = true }))
    local found = assert(other:wishes(connection or "shop", 0, 10000))
    other:close()
    return found
  end

  it("is for its owner and its group alone", function()
    open()
    local _, mode = support.shell("stat -c %a " .. folder .. "/tagua.sock")
    assert.equal("660\n", mode)
  end)

  for _, action in ipairs({ "tag", "untag", "ensure" }) do
    it("takes " .. action .. ", for one user", function()
      open()
      local answer = post("/v1/" .. action, { user = "U1", tag = "VIP" })
      assert.same({ 202, { taken = 1, repeated = 0 } }, { answer.status, answer.json })
      assert.same({ { number = 1, connection = "shop", action = action, user = "U1", tag = "VIP", at = NOW } }, wishes())
    end)
  end

  it("takes a list, in its order", function()
    open({ "shop", "club" })
    local list = {}
    for i = 1, 1000 do list[i] = { connection = i % 2 == 0 and "club" or "shop", user = "U" .. i, tag = "VIP" } end
    assert.same({ taken = 1000, repeated = 0 }, post("/v1/ensure", list).json)
    assert.same({ 500, "U1", "U999" }, { #wishes("shop"), wishes("shop")[1].user, wishes("shop")[500].user })
    assert.equal("U1000", wishes("club")[500].user)
  end)

  it("takes the time after which a tag comes off again", function()
    open()
    post("/v1/tag", { { user = "U1", tag = "A", lasts = "30d" }, { user = "U1", tag = "B", lasts = 60 },
      { user = "U1", tag = "C", ends = "2026-12-24T00:00:00+08:00" }, { user = "U1", tag = "D", ends = 1798041600 } })
    local kept = wishes()
    assert.same({ 30 * 86400, 60 }, { kept[1].lasts, kept[2].lasts })
    assert.same({ 1798041600, 1798041600 }, { kept[3].ends, kept[4].ends })
  end)

  it("takes a number for a user's id, with all its digits", function()
    open()
    post("/v1/tag", '{"user":123456789012345678901234567890,"tag":"VIP"}')
    assert.equal("123456789012345678901234567890", wishes()[1].user)
  end)

  it("counts a repeated request once, by its id or its Idempotency-Key", function()
    open()
    assert.same({ taken = 1, repeated = 0 }, post("/v1/tag", { user = "U1", tag = "VIP", id = "order-7" }).json)
    assert.same({ taken = 0, repeated = 1 }, post("/v1/tag", { user = "U1", tag = "VIP", id = "order-7" }).json)
    local two, key = { { user = "U2", tag = "VIP" }, { user = "U3", tag = "VIP" } }, { ["Idempotency-Key"] = "batch 1" }
    assert.same({ taken = 2, repeated = 0 }, post("/v1/tag", two, key).json)
    assert.same({ taken = 0, repeated = 2 }, post("/v1/tag", two, key).json)
    assert.equal(3, #wishes())
  end)

  it("counts a request once that comes twenty times at once", function()
    open()
    local requests, taken = {}, 0
    for i = 1, 20 do
      requests[i] = { path = "/v1/ensure", body = { user = "U1", tag = "VIP" }, headers = { ["Idempotency-Key"] = "k" } }
    end
    for _, answer in ipairs(ask_all(requests)) do taken = taken + answer.json.taken end
    assert.same({ 1, 1 }, { taken, #wishes() })
  end)

  it("takes events: one, a list, or one to a line", function()
    open({ "shop", "club" })
    local at = "2026-11-21T09:00:00Z"
    assert.same({ taken = 1 }, post("/v1/events", { connection = "shop", user = "U1", type = "purchase", at = at, id = "1",
      amount = 12.5, item = { name = "tea" } }).json)
    assert.same({ taken = 2 }, post("/v1/events", { { connection = "shop", user = "U2", type = "login" },
      { connection = "club", user = "U3", type = "login" } }).json)
    assert.same({ taken = 2 }, post("/v1/events", '{"connection":"shop","user":"U4","type":"login"}\n'
      .. '{"connection":"shop","user":"U5","type":"login","id":"1"}\n').json)
    local found = assert(box:events("shop", 0, 10))
    assert.same({ "U1", "U2", "U4" }, { found[1].user, found[2].user, found[3].user }) -- U5's id was seen before
    assert.same({ amount = 12.5, ["item.name"] = "tea" }, found[1].fields)
    assert.same({ NOW, "events" }, { found[2].at, found[2].source })
    assert.equal(1, #assert(box:events("club", 0, 10)))
  end)

  it("counts repeated events once, by an Idempotency-Key", function()
    open()
    for _ = 1, 3 do
      post("/v1/events", { { user = "U1", type = "login" }, { user = "U2", type = "login" } }, { ["Idempotency-Key"] = "k" })
    end
    assert.equal(2, #assert(box:events("shop", 0, 10)))
  end)

  describe("refuses, and says what to do, and takes none of it:", function()
    local two = { "shop", "club" }
    for what, case in pairs({
      ["a text that is no JSON"] = { "/v1/tag", "user=U1", "not JSON: .*: send JSON: an object, or a list of objects" },
      ["an empty body"] = { "/v1/tag", " ", "the body is empty: send JSON" },
      ["an empty list"] = { "/v1/tag", "[]", "the list is empty" },
      ["a list in a list"] = { "/v1/tag", "[[1]]", "tag: it is no object with user and tag" },
      ["no user"] = { "/v1/tag", { tag = "VIP" }, "tag: option 'user' is missing" },
      ["no tag"] = { "/v1/untag", { user = "U1" }, "untag: option 'tag' is missing" },
      ["a word that is mistyped"] = { "/v1/tag", { user = "U1", tga = "VIP" }, "unknown option 'tga' %(did you mean 'tag'%?%)" },
      ["one of several"] = { "/v1/tag", { { user = "U1", tag = "A", connection = "shop" }, { user = "U1" } },
        "tag 2: option 'tag' is missing" },
      ["a user with a line end"] = { "/v1/tag", { user = "U\n1", tag = "A" }, "option 'user' must be a text of 1 to 256 bytes" },
      ["a user that is too long"] = { "/v1/tag", { user = ("x"):rep(257), tag = "A" }, "1 to 256 bytes" },
      ["a time that makes no sense"] = { "/v1/tag", { user = "U1", tag = "A", lasts = "soon" }, 'a time such as "30d"' },
      ["a moment without a zone"] = { "/v1/tag", { user = "U1", tag = "A", ends = "2026-12-24 00:00" }, "%(with a zone%)" },
      ["a time for what is taken off"] = { "/v1/untag", { user = "U1", tag = "A", lasts = "1d" }, "unknown option 'lasts'" },
      ["a connection that is not served"] = { "/v1/tag", { user = "U1", tag = "A", connection = "shp" },
        "no connection 'shp' is served here %(did you mean 'shop'%?%): there is shop, club" },
      ["no connection where there are several"] = { "/v1/tag", { user = "U1", tag = "A" },
        "connection is missing: it may be shop, club" },
      ["an event without a type"] = { "/v1/events", { connection = "shop", user = "U1" }, "event: type is missing" },
      ["an event of a moment without a zone"] = { "/v1/events", { connection = "shop", user = "U1", type = "t", at = "2026-11-21" },
        "at is no moment" },
      ["a line among several"] = { "/v1/events", '{"connection":"shop","user":"U1","type":"t"}\n{"user"\n', "line 2: not JSON" },
    }) do
      it(what, function()
        open(two)
        local answer = post(case[1], case[2])
        assert.equal(400, answer.status)
        assert.matches(case[3], answer.json.error)
        assert.same({}, wishes())
        assert.same({}, assert(box:events("shop", 0, 10)))
      end)
    end

    it("more operations than 1,000", function()
      open()
      local list = {}
      for i = 1, 1001 do list[i] = { user = "U" .. i, tag = "VIP" } end
      local answer = post("/v1/tag", list)
      assert.equal("1001 operations are too many for one request: send at most 1000", answer.json.error)
      assert.same({}, wishes())
    end)

    it("a body that is too large", function()
      open()
      assert.equal(413, post("/v1/events", ("x"):rep(1024 * 1024 + 1)).status)
    end)

    it("a key that is none", function()
      open()
      local answer = post("/v1/tag", { user = "U1", tag = "VIP" }, { ["Idempotency-Key"] = ("k"):rep(201) })
      assert.same({ 400, {} }, { answer.status, wishes() })
      assert.matches("the header Idempotency-Key must be a text of 1 to 200 bytes", answer.json.error, 1, true)
    end)

    it("another method or path", function()
      open()
      local answer = ask_all({ { path = "/v1/tag", method = "GET" }, { path = "/v1/nothing", body = "{}" } })
      assert.same({ 405, "POST", 404 }, { answer[1].status, answer[1].headers.allow, answer[2].status })
    end)
  end)

  it("refuses with Retry-After where too much waits already, also of one connection among several", function()
    local now = NOW
    open({ "shop", "club" }, nil, { most_waiting = 3, settled = function() return {} end, now = function() return now end })
    local function ensure(connection) return { connection = connection, user = "U1", tag = "VIP" } end
    assert.equal(202, post("/v1/ensure", { ensure("shop"), ensure("shop"), ensure("shop") }).status)
    now = now + 1000
    local answer = post("/v1/ensure", { ensure("club"), ensure("shop") })
    assert.same({ 503, "5" }, { answer.status, answer.headers["retry-after"] })
    assert.equal(503, post("/v1/events", { connection = "shop", user = "U1", type = "t" }).status)
    assert.equal(202, post("/v1/ensure", { ensure("club") }).status)
    assert.same({ 3, 1 }, { #wishes("shop"), #wishes("club") })
    box:forget_wishes("shop", 2) -- as the keeper does with those that it took up
    now = now + 1000
    assert.equal(202, post("/v1/ensure", { ensure("shop") }).status)
  end)

  it("tells which tags a user has, as far as the mirror knows", function()
    local book = ledgers.new()
    finally(book.close)
    ledgers.pull(book.shop, { ledgers.user("U 1", { "vip", "gold" }) })
    open({ "shop" }, book.path)
    local answer = ask_all({ { path = "/v1/users/U%201/tags" }, { path = "/v1/users/U2/tags?connection=shop" },
      { path = "/v1/users/U2/tags?connection=other" } })
    assert.same({ connection = "shop", user = "U 1", tags = { "GOLD", "VIP" } }, answer[1].json)
    assert.matches('"tags":[]', answer[2].body, 1, true)
    assert.equal(400, answer[3].status)
  end)

  it("knows of no tags where there is no ledger yet", function()
    open()
    assert.matches('"tags":[]', ask_all({ { path = "/v1/users/U1/tags" } })[1].body, 1, true)
    local answer = ask_all({ { path = "/v1/users/U1/tags?connection=%FF" } })[1]
    assert.same({ 400, "no connection '\\xff' is served here: there is shop" }, { answer.status, answer.json.error })
    assert.is_nil(core.system.file_kind(folder .. "/tagua.db"))
  end)
end)
