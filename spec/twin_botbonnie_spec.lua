local cjson = require("cjson")
local fixture = require("spec.support.twin")
local twin = require("tagua.twin")

local BOT, PAGE, USER = fixture.BOT, fixture.PAGE, fixture.USER

describe("the twin's BotBonnie", function()
  local f
  local function open(options) return f.open(options) end
  local function ask(...) return f.ask(...) end
  local function create(...) return f.create(...) end
  local function body_for(...) return f.body_for(...) end
  local function customers(...) return f.customers(...) end
  local function refused(...) assert.is_true(fixture.refused(...)) end

  before_each(function() f = fixture.fixture() end)
  after_each(function() f.close() end)

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
      f.t.store:add_tag({ bot = BOT, id = "12345", name = "numbered", kind = "folder" })
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
      f.t.store:add_tag({ bot = "bot-other", id = "tag-theirs", name = "theirs", kind = "tag" })
      refused(ask("GET", "/tag/tag-theirs"), 404)
      refused(ask("DELETE", "/tag/tag-theirs"), 404)
      refused(ask("POST", "/user/tag", body_for("tag-theirs")), 404)
    end)

    it("are asked for by a percent-encoded id", function()
      open()
      f.t.store:add_tag({ bot = BOT, id = "tag-a/b%", name = "odd", kind = "tag" })
      assert.equal("odd", ask("GET", "/tag/tag-a%2Fb%25").json.res.name)
    end)
  end)

  describe("users' tags", function()
    it("are put on and taken off, with the answer to the letter", function()
      open()
      local tag = create("VIP")
      assert.equal('{"res":"ok","status":200}', ask("POST", "/user/tag", body_for(tag)).body)
      assert.equal(1, #f.t:effects())
      assert.equal('{"res":"ok","status":200}', ask("DELETE", "/user/tag", body_for(tag)).body)
      assert.same({}, f.t:effects())
      assert.equal('{"res":"ok","status":200}', ask("DELETE", "/user/tag", body_for(tag)).body)
      assert.same({ create = 1, tag = 1, untag = 2 }, f.t:stats().effects)
    end)

    it("are counted and dated", function()
      local now = 1583983892294
      open { now = function() return now end }
      local tag = create("VIP")
      ask("POST", "/user/tag", body_for(tag))
      now = now + 5000
      ask("POST", "/user/tag", body_for(tag))
      local effect = f.t:effects()[1]
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
      assert.equal(2, f.t:effects()[1].count)
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
      local tag = create("VIP")
      local body = body_for(tag)
      body.bot_channel = "1"
      assert.equal(200, ask("POST", "/user/tag", body).status)
      body.bot_channel = 7
      assert.equal(200, ask("POST", "/user/tag", body).status)
      assert.equal(2, #f.t:effects())
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
      f.t:add_users { { id = USER, bot = BOT, page = PAGE } }
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
      f.t:add_users { { id = USER, bot = BOT, page = PAGE, platform = "LINE", name = "王小明", status = 4,
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
      f.t:add_users { { id = USER, bot = BOT, page = PAGE } }
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
      f.t:add_users(users)
      f.t:add_users { { id = "Uother", bot = "bot-other" } }
      local seen, cursor, pages = {}, "", 0
      repeat
        local res = ask("GET", "/bot/customers?botId=" .. BOT .. "&limit=10&next=" .. cursor).json.res
        for _, record in ipairs(res.records) do
          seen[#seen + 1] = record.id
        end
        if pages == 0 then f.t:add_users { { id = "Ulate", bot = BOT, page = PAGE } } end
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
      f.t:add_users { { id = "U1", bot = BOT }, { id = "U2", bot = BOT } }
      local res = ask("GET", "/bot/customers?botId=" .. BOT .. "&limit=2").json.res
      assert.equal(2, #res.records)
      assert.equal("", res.next)
    end)

    it("filters by the last interaction", function()
      open()
      f.t:add_users { { id = "old", bot = BOT, last_active = 1583983892294 },
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
      assert.same({}, f.t:effects())
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
      f.t:close()
      open { faults = { quirks = { no_error_code = true } } }
      local answer = ask("GET", "/tag/x")
      assert.equal(404, answer.status)
      assert.is_nil(answer.json.errorCode)
    end)

    it("give the last page of users another end", function()
      for quirk, next in pairs { absent = "nil", null = tostring(cjson.null), cursor = "n0" } do
        open { faults = { quirks = { last_next = quirk } } }
        assert.equal(next, tostring(customers("&next=n0").json.res.next))
        f.t:close()
      end
    end)

    it("that nobody knows are refused with the nearest name", function()
      local none, message, code = twin.open { store = ":memory:", faults = { quirks = { eror_status = 200 } } }
      assert.is_nil(none)
      assert.matches("error_status", message)
      assert.equal("ECONFIG", code)
    end)
  end)
end)
