local cjson = require("cjson")
local core = require("tagua.core")
local http = require("spec.support.http")
local support = require("spec.support")
local twin = require("tagua.twin")

local BOT, PAGE, TOKEN = "bot-WDCLEHlTw", "test_audi", "the-token-of-the-bot"
local USER = "U21ab30ccce78feb456048adeb80cf00a"

describe("twin", function()
  local t, folder, remove, token

  before_each(function()
    folder, remove = support.folder()
    support.write(folder .. "/token", TOKEN)
    core.system.make_folder(folder)
    os.execute("chmod 600 " .. folder .. "/token")
    token = assert(core.secret.file(folder .. "/token"))
  end)

  local function open(options)
    options = options or {}
    options.store = options.store or ":memory:"
    t = assert(twin.open(options))
    assert(t:add_token(token, { bot = BOT }))
    return t
  end

  after_each(function()
    if t then t:close() end
    t = nil
    token:close()
    remove()
  end)


  local function ask_all(requests)
    local clients = {}
    for i, request in ipairs(requests) do
      if request.token == nil then request.token = TOKEN end
      if type(request.body) == "table" then request.body = cjson.encode(request.body) end
      request.path = "/v1/api" .. request.path
      clients[i] = http.start(t:address(), http.text(request))
    end
    http.finish(function()
      t:step()
      core.system.sleep(0.002)
    end, clients)
    local answers = {}
    for i, client in ipairs(clients) do
      answers[i] = client.answer()
      local ok, body = pcall(cjson.decode, answers[i].body)
      answers[i].json = ok and body or nil
    end
    return answers
  end

  local function ask(method, path, body, options)
    local request = options or {}
    request.method, request.path, request.body = method, path, body
    return ask_all({ request })[1]
  end

  local function create(name, parent, kind)
    local answer = ask("POST", "/tag/autogen", { botId = BOT, name = name, type = kind or 0, parentId = parent })
    assert.equal(200, answer.status, answer.raw)
    return answer.json.res.id
  end

  local function body_for(tag, user)
    return { bot_tag_id = tag, bot_raw_uid = user or USER, bot_pid = PAGE, bot_channel = 1 }
  end

  local function customers(query)
    return ask("GET", "/bot/customers?botId=" .. BOT .. "&limit=100" .. (query or ""))
  end

  -- An error: the envelope to the letter.
  local function refused(answer, code, status)
    assert.equal(status or code, answer.status, answer.raw)
    assert.equal("application/json", answer.headers["content-type"])
    assert.equal("string", type(answer.json.errorMessage))
    assert.equal(code, answer.json.errorCode)
    assert.is_nil(answer.json.res)
    assert.is_nil(answer.json.status)
  end

  describe("tags", function()
    it("are created with ids of the platform's shape, and shown with the documented types", function()
      open { now = function() return 1583983892294 end }
      local id = create("VIP \"台\" /")
      assert.matches("^tag%-[%w_-]+$", id)
      local answer = ask("GET", "/tag/" .. id)
      assert.equal(200, answer.json.status)
      assert.same({ created = 1583983892294, id = id, name = "VIP \"台\" /", botId = BOT, type = 0 }, answer.json.res)
      assert.matches('"created":1583983892294,', answer.body, 1, true)
    end)

    it("two of one name are two", function()
      open()
      assert.not_equal(create("VIP"), create("VIP"))
    end)

    it("lie in folders, whose deletion takes everything below along and names all ids", function()
      open()
      local top = create("top", nil, 1)
      assert.matches("^tf%-", top)
      local inner = create("inner", top, 1)
      local a, b, other = create("a", top), create("b", inner), create("other")
      assert.equal(200, ask("POST", "/user/tag", body_for(b)).status)
      assert.equal(200, ask("POST", "/user/tag", body_for(other)).status)
      local gone = ask("DELETE", "/tag/" .. top).json.res
      assert.equal(top, gone[1])
      table.sort(gone)
      local wanted = { top, inner, a, b }
      table.sort(wanted)
      assert.same(wanted, gone)
      refused(ask("GET", "/tag/" .. b), 404)
      local tags = ask("POST", "/user/taglist", body_for(nil)).json.res[1].tags
      assert.equal(1, #tags)
      assert.equal(other, tags[1].id)
    end)

    it("take a parent that is a number, or nothing", function()
      open()
      t.store:add_tag({ bot = BOT, id = "12345", name = "numbered", kind = "folder" })
      local id = create("child", 12345)
      assert.same({ "12345", id }, ask("DELETE", "/tag/12345").json.res)
      create("top", cjson.null)
      create("top", "")
    end)

    it("are refused in a folder that is none", function()
      open()
      local tag = create("a")
      refused(ask("POST", "/tag/autogen", { botId = BOT, name = "b", type = 0, parentId = tag }), 404)
      refused(ask("POST", "/tag/autogen", { botId = BOT, name = "b", type = 0, parentId = 7 }), 404)
      refused(ask("POST", "/tag/autogen", { botId = BOT, name = "b", type = 0, parentId = {} }), 400)
    end)

    it("are not found under an id of another bot", function()
      open()
      t.store:add_tag({ bot = "bot-other", id = "tag-theirs", name = "theirs", kind = "tag" })
      refused(ask("GET", "/tag/tag-theirs"), 404)
      refused(ask("DELETE", "/tag/tag-theirs"), 404)
      refused(ask("POST", "/user/tag", body_for("tag-theirs")), 404)
    end)

    it("are asked for by a percent-encoded id", function()
      open()
      t.store:add_tag({ bot = BOT, id = "tag-a/b%", name = "odd", kind = "tag" })
      assert.equal("odd", ask("GET", "/tag/tag-a%2Fb%25").json.res.name)
    end)
  end)

  describe("users' tags", function()
    it("are put on and taken off, with the answer to the letter", function()
      open()
      local tag = create("VIP")
      assert.equal('{"res":"ok","status":200}', ask("POST", "/user/tag", body_for(tag)).body)
      assert.equal(1, #t:effects())
      assert.equal('{"res":"ok","status":200}', ask("DELETE", "/user/tag", body_for(tag)).body)
      assert.same({}, t:effects())
      assert.equal('{"res":"ok","status":200}', ask("DELETE", "/user/tag", body_for(tag)).body)
      assert.same({ create = 1, tag = 1, untag = 2 }, t:stats().effects)
    end)

    it("are counted and dated", function()
      local now = 1583983892294
      open { now = function() return now end }
      local tag = create("VIP")
      ask("POST", "/user/tag", body_for(tag))
      now = now + 5000
      ask("POST", "/user/tag", body_for(tag))
      local effect = t:effects()[1]
      assert.same({ USER, tag, "VIP", 2, 1583983897294 },
        { effect.user, effect.tag, effect.name, effect.count, effect.timestamp })
    end)

    it("are listed in an array of one, with both ids of the user", function()
      open { now = function() return 1583983892294 end }
      local tag = create("VIP")
      ask("POST", "/user/tag", body_for(tag))
      local answer = ask("POST", "/user/taglist", { bot_raw_uid = USER, bot_pid = PAGE, bot_channel = 1 })
      local entry = answer.json.res[1]
      assert.equal(1, #answer.json.res)
      assert.same({ { id = tag, name = "VIP", timestamp = 1583983892294 } }, entry.tags)
      assert.same({ USER, PAGE, 1 }, { entry.bot_raw_uid, entry.bot_pid, entry.bot_channel })
      assert.matches("^%x+$", entry.bot_uid)
      assert.equal(2 * #USER, #entry.bot_uid)
      assert.matches('"bot_channel":1[,}]', answer.body)
      assert.matches('"timestamp":1583983892294}', answer.body, 1, true)
    end)

    it("belong to the same user by the encrypted id", function()
      open()
      local tag, other = create("VIP"), create("New")
      ask("POST", "/user/tag", body_for(tag))
      local uid = ask("POST", "/user/taglist", body_for(nil)).json.res[1].bot_uid
      ask("POST", "/user/tag", { bot_tag_id = other, bot_uid = uid, bot_pid = PAGE, bot_channel = 1 })
      assert.equal(2, #ask("POST", "/user/taglist", body_for(nil)).json.res[1].tags)
      assert.equal(1, #customers().json.res.records)
    end)

    it("go to a user of an encrypted id that nobody has seen, too", function()
      open()
      local tag, uid = create("VIP"), ("53f2"):rep(16)
      for _ = 1, 2 do
        ask("POST", "/user/tag", { bot_tag_id = tag, bot_uid = uid, bot_pid = PAGE, bot_channel = 1 })
      end
      local answer = ask("POST", "/user/taglist", { bot_uid = uid, bot_pid = PAGE, bot_channel = 1 })
      assert.equal(uid, answer.json.res[1].bot_uid)
      assert.equal(2, t:effects()[1].count)
    end)

    it("are kept apart by page and channel", function()
      open()
      local tag = create("VIP")
      ask("POST", "/user/tag", body_for(tag))
      local elsewhere = body_for(nil)
      elsewhere.bot_channel = 0
      assert.equal('{"res":[],"status":200}', ask("POST", "/user/taglist", elsewhere).body)
      elsewhere.bot_channel, elsewhere.bot_pid = 1, "other"
      assert.equal('{"res":[],"status":200}', ask("POST", "/user/taglist", elsewhere).body)
    end)

    it("are an empty array for a user without any", function()
      open()
      local tag = create("VIP")
      ask("POST", "/user/tag", body_for(tag))
      ask("DELETE", "/user/tag", body_for(tag))
      assert.matches('"tags":[]', ask("POST", "/user/taglist", body_for(nil)).body, 1, true)
    end)

    it("take a channel written as text, and any channel's number", function()
      open()
      local tag, body = create("VIP"), nil
      body = body_for(tag)
      body.bot_channel = "1"
      assert.equal(200, ask("POST", "/user/tag", body).status)
      body.bot_channel = 7
      assert.equal(200, ask("POST", "/user/tag", body).status)
      assert.equal(2, #t:effects())
      local platforms = {}
      for i, record in ipairs(customers().json.res.records) do
        platforms[i] = record.platform
      end
      assert.same({ "LINE", "7" }, platforms)
    end)

    it("of unknown users are refused where the twin is strict", function()
      open { strict_users = true }
      local tag = create("VIP")
      refused(ask("POST", "/user/tag", body_for(tag)), 404)
      refused(ask("DELETE", "/user/tag", body_for(tag)), 404)
      refused(ask("POST", "/user/taglist", body_for(nil)), 500)
      t:add_users { { id = USER, bot = BOT, page = PAGE } }
      assert.equal(200, ask("POST", "/user/tag", body_for(tag)).status)
    end)

    it("are no folders", function()
      open()
      refused(ask("POST", "/user/tag", body_for(create("folder", nil, 1))), 400)
    end)
  end)

  describe("parameters", function()
    local function params(values, user)
      return { bot_raw_uid = user or USER, bot_id = BOT, bot_pid = PAGE, bot_channel = 1, params = values }
    end

    local function shown()
      local map = {}
      for _, param in ipairs(customers().json.res.records[1].params) do
        map[param.name] = param.value
        assert.equal("number", type(param.timestamp))
      end
      return map
    end

    it("are set in both documented forms, and taken away in both likely ones", function()
      open()
      assert.equal('{"res":"ok","status":200}', ask("POST", "/user/params", params { gender = "male", age = 30 }).body)
      ask("POST", "/user/params", params { gender = { value = "female" }, ["城市"] = "台北", vip = true })
      assert.same({ gender = "female", age = 30, ["城市"] = "台北", vip = true }, shown())
      ask("DELETE", "/user/params", params { "age" })
      ask("DELETE", "/user/params", params { vip = "" })
      assert.same({ gender = "female", ["城市"] = "台北" }, shown())
    end)

    it("need the bot, and values that are values", function()
      open()
      local body = params { a = "b" }
      body.bot_id = "bot-other"
      refused(ask("POST", "/user/params", body), 403)
      refused(ask("POST", "/user/params", params { a = { b = 1 } }), 400)
      refused(ask("POST", "/user/params", params("x")), 400)
      body = params { a = "b" }
      body.bot_raw_uid, body.bot_uid = nil, "abcd"
      refused(ask("POST", "/user/params", body), 400)
    end)
  end)

  describe("the list of users", function()
    it("shows the documented record, with the documented types", function()
      open { now = function() return 1700000000000 end }
      t:add_users { { id = USER, bot = BOT, page = PAGE, platform = "LINE", name = "王小明", status = 4,
        created = 1583983892294, last_active = 1583983892295, picture = "https://x/y.png", email = "a@b.c",
        gender = "男", birthday = "1990-01-02", phone = "0912345678", ext_id = "007", params = { city = "台北" } } }
      local tag = create("VIP")
      ask("POST", "/user/tag", body_for(tag))
      local answer = customers()
      assert.same({ id = USER, name = "王小明", platform = "LINE", pageId = PAGE, status = 4, created = 1583983892294,
        lastActive = 1583983892295, pic = "https://x/y.png", email = "a@b.c", gender = "男",
        birthday = "1990-01-02", phone = "0912345678", extId = "007",
        tags = { { id = tag, name = "VIP", timestamp = 1700000000000, count = 1 } },
        params = { { name = "city", value = "台北", timestamp = 1700000000000 } } }, answer.json.res.records[1])
      assert.equal("", answer.json.res.next)
      assert.matches('"created":1583983892294,', answer.body, 1, true)
    end)

    it("leaves out what is not known of a user, and has empty arrays", function()
      open()
      t:add_users { { id = USER, bot = BOT, page = PAGE } }
      local answer = customers()
      assert.is_nil(answer.json.res.records[1].email)
      assert.is_nil(answer.json.res.records[1].name)
      assert.matches('"tags":[],"params":[]', answer.body, 1, true)
    end)

    it("makes customers of users that were tagged", function()
      open()
      ask("POST", "/user/tag", body_for(create("VIP")))
      assert.equal(USER, customers().json.res.records[1].id)
    end)

    it("comes in pages, each user once, also when others come meanwhile", function()
      open()
      local users = {}
      for i = 1, 25 do
        users[i] = { id = ("U%03d"):format(i), bot = BOT, page = PAGE }
      end
      t:add_users(users)
      t:add_users { { id = "Uother", bot = "bot-other" } }
      local seen, cursor, pages = {}, "", 0
      repeat
        local res = ask("GET", "/bot/customers?botId=" .. BOT .. "&limit=10&next=" .. cursor).json.res
        for _, record in ipairs(res.records) do
          seen[#seen + 1] = record.id
        end
        if pages == 0 then t:add_users { { id = "Ulate", bot = BOT, page = PAGE } } end
        cursor, pages = res.next, pages + 1
      until cursor == ""
      assert.equal(3, pages)
      assert.equal(26, #seen)
      table.sort(seen)
      for i = 2, #seen do
        assert.not_equal(seen[i - 1], seen[i])
      end
    end)

    it("ends with an empty cursor on a page that is exactly full", function()
      open()
      t:add_users { { id = "U1", bot = BOT }, { id = "U2", bot = BOT } }
      local res = ask("GET", "/bot/customers?botId=" .. BOT .. "&limit=2").json.res
      assert.equal(2, #res.records)
      assert.equal("", res.next)
    end)

    it("filters by the last interaction", function()
      open()
      t:add_users { { id = "old", bot = BOT, last_active = 1583983892294 },
        { id = "new", bot = BOT, last_active = 1583983892295 } }
      local records = customers("&from=1583983892294").json.res.records
      assert.equal(1, #records)
      assert.equal("new", records[1].id)
    end)

    it("refuses limits and cursors that make no sense", function()
      open()
      local base = "/bot/customers?botId=" .. BOT
      for _, query in ipairs { "", "&limit=0", "&limit=3087", "&limit=x", "&limit=-1", "&limit=1.5",
        "&limit=99999999999999999999", "&limit=1&from=5", "&limit=1&from=abcdefghijklm", "&limit=1&next=zzz" } do
        refused(ask("GET", base .. query), 400)
      end
      assert.equal(200, ask("GET", base .. "&limit=3086").status)
      refused(ask("GET", "/bot/customers?limit=1"), 400)
      refused(ask("GET", "/bot/customers?limit=1&botId=bot-other"), 403)
    end)
  end)

  describe("access", function()
    it("is refused without a token, and with one that is not known", function()
      open()
      refused(ask("GET", "/tag/x", nil, { token = false }), 401)
      refused(ask("GET", "/tag/x", nil, { token = "wrong" }), 401)
    end)

    it("ends with the token's time", function()
      local now = 1000
      open { now = function() return now end }
      assert(t:add_token(token, { bot = BOT, expires = 2000 }))
      refused(ask("GET", "/tag/x"), 404)
      now = 2000
      refused(ask("GET", "/tag/x"), 401)
    end)

    it("is refused for another bot", function()
      open()
      refused(ask("POST", "/tag/autogen", { botId = "bot-other", name = "x", type = 0 }), 403)
    end)

    it("keeps the token's hash alone", function()
      open { store = folder .. "/twin.db" }
      ask("GET", "/tag/x")
      t:close()
      local found = support.shell("grep -c '" .. TOKEN .. "' " .. folder .. "/twin.db*")
      assert.equal(1, found)
      t = nil
    end)

    it("notices tokens that another process adds and removes", function()
      open { store = folder .. "/twin.db" }
      refused(ask("GET", "/tag/x"), 404)
      local other = assert(require("tagua.twin.store").open(folder .. "/twin.db"))
      local id = other:tokens()[1].id
      assert.is_true(other:remove_token(id))
      refused(ask("GET", "/tag/x"), 401)
      assert(other:add_token(token:sha256(), { bot = BOT }))
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
      assert.equal(2, t:stats().throttled)
    end)
  end)

  describe("bad requests", function()
    it("are answered in the platform's envelope", function()
      open()
      local tag = create("VIP")
      for _, body in ipairs { "", "null", "5", "\"x\"", "[1]", "{", "{\"a\":}", "{}", "{\"a\":NaN}", "\255\254",
        "{\"bot_tag_id\":\"\1\"}", ("["):rep(100000), ("{\"a\":"):rep(5000), "{\"bot_tag_id\":\"" .. tag .. "\"}",
        "{\"bot_tag_id\":5,\"bot_raw_uid\":\"U1\",\"bot_pid\":\"p\",\"bot_channel\":1}",
        "{\"bot_tag_id\":\"" .. tag .. "\",\"bot_raw_uid\":123,\"bot_pid\":\"p\",\"bot_channel\":1}",
        "{\"bot_tag_id\":\"" .. tag .. "\",\"bot_raw_uid\":\"\",\"bot_pid\":\"p\",\"bot_channel\":1}",
        "{\"bot_tag_id\":\"" .. tag .. "\",\"bot_raw_uid\":\"U1\",\"bot_pid\":\"p\",\"bot_channel\":1.5}",
        "{\"bot_tag_id\":\"" .. tag .. "\",\"bot_raw_uid\":\"U1\",\"bot_pid\":\"p\",\"bot_channel\":1e300}",
        "{\"bot_tag_id\":\"" .. tag .. "\",\"bot_raw_uid\":\"U1\",\"bot_pid\":\"p\"}",
        "{\"bot_tag_id\":\"" .. tag .. "\",\"bot_raw_uid\":\"" .. ("x"):rep(300) .. "\",\"bot_pid\":\"p\",\"bot_channel\":1}",
      } do
        refused(ask("POST", "/user/tag", body), 400)
      end
      assert.same({}, t:effects())
      refused(ask("POST", "/tag/autogen", { botId = BOT, name = "", type = 0 }), 400)
      refused(ask("POST", "/tag/autogen", { botId = BOT, name = "x", type = 2 }), 400)
    end)

    it("are told apart by path and method", function()
      open()
      refused(ask("GET", "/nothing"), 404)
      refused(ask("GET", "/user/tag"), 405)
      refused(ask("PUT", "/tag/x", "{}"), 405)
      refused(ask("POST", "/user/tag/"), 404)
    end)

    it("are refused when they are too large", function()
      open { max_body = 1000 }
      refused(ask("POST", "/user/tag", ("x"):rep(1001)), 413)
    end)
  end)

  it("keeps everything over a restart", function()
    open { store = folder .. "/twin.db" }
    local tag = create("VIP", create("folder", nil, 1))
    ask("POST", "/user/tag", body_for(tag))
    local uid = ask("POST", "/user/taglist", body_for(nil)).json.res[1].bot_uid
    t:close()
    t = assert(twin.open { store = folder .. "/twin.db" })
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
    for _, answer in ipairs(ask_all(requests)) do
      assert.equal(200, answer.status)
    end
    assert.equal(24, #t:effects())
    assert.equal(25, t:stats().requests)
  end)

  it("spoils only the request that the database refuses, not those that came with it", function()
    open()
    local tag = create("VIP")
    t.store.db:exec("CREATE TRIGGER poison BEFORE INSERT ON user_tags WHEN (SELECT id FROM users WHERE key = new.user)"
      .. " = 'Upoison' BEGIN SELECT raise(ABORT, 'poisoned'); END")
    local requests = {}
    for i, user in ipairs { "U1", "Upoison", "U2" } do
      requests[i] = { method = "POST", path = "/user/tag", body = body_for(tag, user) }
    end
    local answers = ask_all(requests)
    assert.equal(200, answers[1].status)
    refused(answers[2], 500)
    assert.equal(200, answers[3].status)
    assert.equal(2, #t:effects())
    assert.equal(3, t:stats().effects.tag + t:stats().effects.create)
    assert.matches("poisoned", t:stats().last_failure)
  end)

  it("listens on a Unix socket inside the process", function()
    open { address = "unix:" .. folder .. "/socket" }
    refused(ask("GET", "/tag/x"), 404)
  end)

  it("says what is wrong with its options and its store", function()
    assert.has_error(function() twin.open { store = ":memory:", adress = "x" } end)
    assert.has_error(function() twin.open {} end)
    support.write(folder .. "/no.db", ("not a database"):rep(100))
    local none, message = twin.open { store = folder .. "/no.db" }
    assert.is_nil(none)
    assert.matches("no.db", message, 1, true)
    none, message = twin.open { store = ":memory:", address = "nowhere" }
    assert.is_nil(none)
    assert.matches("'nowhere'", message)
  end)

  describe("quirks", function()
    it("give a new tag's id as a string that holds JSON", function()
      open { faults = { quirks = { created_as_text = true } } }
      local res = ask("POST", "/tag/autogen", { botId = BOT, name = "x", type = 0 }).json.res
      assert.equal("string", type(res))
      assert.matches("^tag%-", cjson.decode(res).id)
    end)

    it("give errors the HTTP status that one wants, or no code", function()
      open { faults = { quirks = { error_status = 200 } } }
      refused(ask("GET", "/tag/x"), 404, 200)
      refused(ask("GET", "/tag/x", nil, { token = "wrong" }), 401, 200)
      t:close()
      open { faults = { quirks = { no_error_code = true } } }
      local answer = ask("GET", "/tag/x")
      assert.equal(404, answer.status)
      assert.is_nil(answer.json.errorCode)
    end)

    it("give the last page of users another end", function()
      for quirk, next in pairs { absent = "nil", null = tostring(cjson.null), cursor = "n0" } do
        open { faults = { quirks = { last_next = quirk } } }
        assert.equal(next, tostring(customers("&next=n0").json.res.next))
        t:close()
      end
    end)

    it("that nobody knows are refused with the nearest name", function()
      local none, message, code = twin.open { store = ":memory:", faults = { quirks = { eror_status = 200 } } }
      assert.is_nil(none)
      assert.matches("error_status", message)
      assert.equal("ECONFIG", code)
    end)
  end)

  describe("faults", function()
    local tag

    local function open_with(fault, options)
      options = options or {}
      fault.path = fault.path or "/v1/api/user/tag"
      options.faults = { faults = { fault } }
      open(options)
      tag = create("VIP")
    end

    local function try() return ask("POST", "/user/tag", body_for(tag)) end
    local function effects() return #t:effects() end

    it("throttle, with and without a time to come again", function()
      open_with { ["do"] = "throttle", retry_after = 7, first = 1 }
      local answer = try()
      refused(answer, 429)
      assert.equal("7", answer.headers["retry-after"])
      assert.equal(0, effects())
      assert.equal(200, try().status)
      t:close()
      open_with { ["do"] = "throttle" }
      answer = try()
      refused(answer, 429)
      assert.is_nil(answer.headers["retry-after"])
    end)

    it("answer with errors, before the work or after it", function()
      open_with { ["do"] = "error", status = 503, times = 1 }
      refused(try(), 503)
      assert.equal(0, effects())
      t:close()
      open_with { ["do"] = "error", work = true }
      refused(try(), 500)
      assert.equal(1, effects())
      t:close()
      open_with { ["do"] = "error", status = 502, body = "<html>", content_type = "text/html" }
      local answer = try()
      assert.same({ 502, "<html>", "text/html" }, { answer.status, answer.body, answer.headers["content-type"] })
    end)

    it("put an error into a 200", function()
      open_with { ["do"] = "error_in_200", code = 4711, message = "不行" }
      local answer = try()
      refused(answer, 4711, 200)
      assert.equal("不行", answer.json.errorMessage)
      assert.equal(0, effects())
    end)

    it("drop the connection before the work, and after it", function()
      open_with { ["do"] = "drop" }
      assert.equal("", try().raw)
      assert.equal(0, effects())
      t:close()
      open_with { ["do"] = "drop_after_work" }
      assert.equal("", try().raw)
      assert.equal(1, effects())
      assert.equal(1, t:stats().effects.tag)
      t:close()
      open_with { ["do"] = "drop_after_work", reset = true }
      assert.equal("[reset]", try().raw)
      assert.equal(1, effects())
    end)

    it("answer slowly", function()
      open_with { ["do"] = "slow", seconds = 0.1, bytes_per_second = 250 }
      local began = core.system.monotonic_ns()
      assert.equal('{"res":"ok","status":200}', try().body)
      assert.is_true(core.system.monotonic_ns() - began >= 190000000)
    end)

    it("break the answer: JSON that ends, a body that ends, a body without end", function()
      open_with { ["do"] = "broken_json" }
      local answer = try()
      assert.equal(200, answer.status)
      assert.is_nil(answer.json)
      assert.equal(1, effects())
      t:close()
      open_with { ["do"] = "cut" }
      answer = try()
      assert.is_true(#answer.body < tonumber(answer.headers["content-length"]))
      t:close()
      open_with { ["do"] = "large", bytes = 3000000 }
      answer = try()
      assert.is_true(#answer.body > 3000000)
      assert.equal("ok", answer.json.res)
    end)

    it("let tokens expire", function()
      open_with { ["do"] = "expired" }
      refused(try(), 401)
    end)

    it("come between two times alone", function()
      local now = 1000000
      open_with({ ["do"] = "error", from = 1, ["until"] = 2 }, { now = function() return now end })
      assert.equal(200, try().status)
      now = now + 1000
      assert.equal(500, try().status)
      now = now + 1000
      assert.equal(200, try().status)
    end)

    it("choose by method", function()
      open_with { ["do"] = "error", method = "DELETE", path = "/v1/api/user/*" }
      assert.equal(200, try().status)
      assert.equal(500, ask("DELETE", "/user/tag", body_for(tag)).status)
    end)

    it("are read from a file, and what is wrong in it is named", function()
      support.write(folder .. "/faults.json", '{"faults":[{"do":"error","status":503}]}')
      open { faults = folder .. "/faults.json" }
      assert.equal(503, ask("GET", "/tag/x").status)
      for text, wanted in pairs { ["{"] = "faults.json", ['{"faults":[{"do":"explode"}]}'] = "explode",
        ['{"faults":[{"do":"drop","evry":2}]}'] = "every", ['{"fault":[]}'] = "faults",
        ['{"faults":[{}]}'] = "'do' is missing", ["[]x"] = "faults.json" } do
        support.write(folder .. "/faults.json", text)
        local none, message, code = twin.open { store = ":memory:", faults = folder .. "/faults.json" }
        assert.is_nil(none)
        assert.matches(wanted, message, 1, true)
        assert.equal("ECONFIG", code)
      end
      local _, message, code = twin.open { store = ":memory:", faults = folder .. "/none.json" }
      assert.matches("none.json", message, 1, true)
      assert.equal("EIO", code)
    end)
  end)
end)

describe("faults", function()
  local faults = require("tagua.twin.faults")

  local function pattern(fault, count, seed)
    local list = assert(faults.open { seed = seed, faults = { fault } })
    local out = {}
    for i = 1, count do
      out[i] = list:pick("POST", "/a/b", i) and "x" or "."
    end
    return table.concat(out)
  end

  it("select by count", function()
    assert.equal("xxx.......", pattern({ ["do"] = "drop", first = 3 }, 10))
    assert.equal("..x..x..x.", pattern({ ["do"] = "drop", every = 3 }, 10))
    assert.equal("..x..x....", pattern({ ["do"] = "drop", every = 3, times = 2 }, 10))
    assert.equal("....xx....", pattern({ ["do"] = "drop", skip = 4, first = 2 }, 10))
    assert.equal("..xx......", pattern({ ["do"] = "drop", from = 3, ["until"] = 5 }, 10))
  end)

  it("select by path, whole or by its beginning", function()
    assert.equal("x", pattern({ ["do"] = "drop", path = "/a/b" }, 1))
    assert.equal(".", pattern({ ["do"] = "drop", path = "/a" }, 1))
    assert.equal("x", pattern({ ["do"] = "drop", path = "/a*" }, 1))
    assert.equal(".", pattern({ ["do"] = "drop", path = "/b*" }, 1))
  end)

  it("draw the same lots for the same seed", function()
    local one = pattern({ ["do"] = "drop", probability = 0.5 }, 200, 7)
    assert.equal(one, pattern({ ["do"] = "drop", probability = 0.5 }, 200, 7))
    assert.not_equal(one, pattern({ ["do"] = "drop", probability = 0.5 }, 200, 8))
    local _, count = one:gsub("x", "")
    assert.is_true(count > 70 and count < 130)
    assert.equal(("."):rep(50), pattern({ ["do"] = "drop", probability = 0 }, 50))
    assert.equal(("x"):rep(50), pattern({ ["do"] = "drop", probability = 1 }, 50))
  end)
end)
