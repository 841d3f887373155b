local cjson = require("cjson")
local core = require("tagua.core")
local fixture = require("spec.support.twin")

local BOT = "lNbWoobyg"
local USER = "U1234567890abcdef"

describe("the twin's MantaGo", function()
  local f, pair

  local function open(options)
    f.open(options)
    pair = assert(f.t:issue_pair(BOT))
  end

  before_each(function() f = fixture.fixture() end)
  after_each(function() f.close() end)

  --- A request with the pair, the secret and the bot, each of which `how` may replace.
  local function ask(path, body, how)
    how = how or {}
    if type(body) ~= "string" then
      body = body or {}
      if body.secret == nil then body.secret = how.secret or pair.secret end
    end
    local query = how.query or ("?botId=" .. BOT)
    return f.ask(how.method or "POST", path .. query, body,
      { prefix = "/api/openapi", token = how.token == nil and pair.token or how.token })
  end

  local function done(answer, message)
    assert.equal(200, answer.status, answer.raw)
    assert.is_true(answer.json.success)
    assert.equal("string", type(answer.json.message))
    if message then assert.equal(message, answer.json.message) end
    return answer.json
  end

  -- An error: the envelope to the letter.
  local function refused(answer, status, code, message)
    assert.equal(status, answer.status, answer.raw)
    assert.equal("application/json", answer.headers["content-type"])
    assert.is_false(answer.json.success)
    assert.equal(code, answer.json.errResponse.code, answer.raw)
    if message then assert.equal(message, answer.json.errResponse.message) end
    assert.equal("string", type(answer.json.errResponse.message))
  end

  local FAMILIES = {
    auto = { one = "autoTag", list = "autoTagList", id = "autoTagId" },
    client = { one = "clientTag", list = "clientTagList", id = "tagId" },
    personal = { one = "personalTag", list = "listPersonalTags", id = "tagId" },
  }

  local function list(family, query)
    return done(ask("/" .. FAMILIES[family].one .. "s/list", nil, { query = "?botId=" .. BOT .. (query or "") }))
  end

  -- Creating tells no id: as a client must, find it by name.
  local function create(family, name)
    done(ask("/" .. FAMILIES[family].one, { name = name }))
    for _, tag in ipairs(list(family, "&perpage=100")[FAMILIES[family].list]) do
      if tag.name == name then return tag.id end
    end
  end

  for family, its in pairs(FAMILIES) do
    describe(family .. " tags", function()
      it("are created without telling the id, listed, shown and deleted", function()
        open()
        local created = done(ask("/" .. its.one, { name = "VIP 台" }), ("Create %s tag successfully"):format(family))
        assert.is_nil(created.id)
        local shown = list(family)
        assert.same({ totalPages = 1, currentPage = 1, hasPre = false, hasNext = false }, shown.pagination)
        local tag = shown[its.list][1]
        assert.equal("VIP 台", tag.name)
        assert.same(tag, done(ask("/" .. its.one .. "/get/" .. tag.id))[its.one])
        done(ask("/" .. its.one .. "/delete/" .. tag.id))
        refused(ask("/" .. its.one .. "/get/" .. tag.id), 404, 404)
        refused(ask("/" .. its.one .. "/delete/" .. tag.id), 404, 404)
        assert.matches('"' .. its.list .. '":[]', ask("/" .. its.one .. "s/list").body, 1, true)
      end)

      it("are put on members and taken off, by the platform's id", function()
        open()
        local tag = create(family, "VIP")
        local body = { [its.id] = tag, platform = "line", platformClientId = USER }
        done(ask("/" .. its.one .. "Mapping", body))
        local effect = f.t:effects()[1]
        assert.same({ USER, tag, 1, 1 }, { effect.user, effect.tag, effect.count, effect.channel })
        done(ask("/" .. its.one .. "Mapping/delete", body))
        assert.same({}, f.t:effects())
        assert.same({ create = 1, tag = 1, untag = 1 }, f.t:stats().effects)
      end)

      it("are put on members by their own id, which nobody can make up", function()
        open()
        f.t:add_users { { id = USER, bot = BOT, uid = "VolejRejN" } }
        local tag = create(family, "VIP")
        done(ask("/" .. its.one .. "Mapping", { [its.id] = tag, clientId = "VolejRejN" }))
        assert.equal(USER, f.t:effects()[1].user)
        refused(ask("/" .. its.one .. "Mapping", { [its.id] = tag, clientId = USER }), 404, 37011, "Get client failed")
      end)

      it("miss a field, a tag or a member for the documented reasons", function()
        open { strict_users = true }
        local tag = create(family, "VIP")
        local path = "/" .. its.one .. "Mapping"
        refused(ask(path, { platform = "line", platformClientId = USER }), 404, 110000)
        refused(ask(path, { [its.id] = tag }), 404, 110000)
        refused(ask(path, { [its.id] = tag, platform = "line" }), 404, 110000)
        refused(ask(path, { [its.id] = tag, platform = "icq", platformClientId = USER }), 404, 110000)
        refused(ask(path, { [its.id] = 5, platform = "line", platformClientId = USER }), 404, 110000)
        refused(ask(path, { [its.id] = tag, platform = "line", platformClientId = USER }), 404, 37011)
        local status = family == "auto" and 404 or 403
        refused(ask(path, { [its.id] = "nothing", platform = "line", platformClientId = USER }), status, status)
        refused(ask("/" .. its.one, {}), 404, 110000)
        assert.same({}, f.t:effects())
      end)

      it("are no other family's", function()
        open()
        local other = create(family == "auto" and "client" or "auto", "VIP")
        refused(ask("/" .. its.one .. "/get/" .. other), 404, 404)
        assert.same({}, list(family)[its.list])
      end)
    end)
  end

  it("shows each family's own fields with the documented types", function()
    open()
    local auto, client, personal = create("auto", "a"), create("client", "b"), create("personal", "c")
    done(ask("/personalTagMapping", { tagId = personal, platform = "line", platformClientId = USER }))
    local answer = ask("/autoTags/list")
    assert.same({ id = auto, name = "a", confidence = 1, lifeCycle = "permanent", isActive = true },
      answer.json.autoTagList[1])
    assert.matches('"confidence":1.0', answer.body, 1, true)
    assert.same({ true, true }, { answer.json.isAllActiveConfidence, answer.json.isAllActiveLifeCycle })
    assert.same({ id = client, name = "b", botId = BOT }, list("client").clientTagList[1])
    assert.same({ id = personal, name = "c", count = 1 }, list("personal").listPersonalTags[1])
  end)

  it("lists tags in pages, sorted and searched", function()
    open()
    for _, name in ipairs { "cherry", "apple", "banana", "apricot", "blueberry" } do
      done(ask("/autoTag", { name = name }))
    end
    local function names(query)
      local out = {}
      for i, tag in ipairs(list("auto", query).autoTagList) do
        out[i] = tag.name
      end
      return table.concat(out, " ")
    end
    assert.equal("cherry apple banana apricot blueberry", names())
    assert.equal("apple apricot", names("&sortingType=name&perpage=2"))
    assert.equal("banana blueberry", names("&sortingType=name&perpage=2&page=2"))
    assert.equal("cherry", names("&sortingType=name&sorting=DESC&perpage=1"))
    assert.equal("apple apricot", names("&search=ap"))
    assert.same({ totalPages = 3, currentPage = 2, hasPre = true, hasNext = true },
      list("auto", "&perpage=2&page=2").pagination)
    assert.same({ totalPages = 3, currentPage = 3, hasPre = true, hasNext = false },
      list("auto", "&perpage=2&page=3").pagination)
    for _, query in ipairs { "&page=0", "&perpage=0", "&page=x", "&sorting=UP", "&sortingType=age" } do
      refused(ask("/autoTags/list", nil, { query = "?botId=" .. BOT .. query }), 404, 110000)
    end
  end)

  describe("members", function()
    it("are shown with the platform's id under the name clientId, and with the names of tags", function()
      open { now = function() return 1700000000123 end }
      f.t:add_users { { id = USER, bot = BOT, name = "王小明", status = 4, created = 1583983892294, ext_id = "007",
        last_active = 1583983892295, picture = "https://x/y.png", email = "a@b.c", birthday = "1990-01-02",
        phone = "0912345678", uid = "VolejRejN" } }
      local auto, client, personal = create("auto", "a"), create("client", "b"), create("personal", "c")
      done(ask("/autoTagMapping", { autoTagId = auto, clientId = "VolejRejN" }))
      done(ask("/clientTagMapping", { tagId = client, clientId = "VolejRejN" }))
      done(ask("/personalTagMapping", { tagId = personal, clientId = "VolejRejN" }))
      local shown = done(ask("/client/VolejRejN")).client
      assert.same({ clientId = USER, clientName = "王小明", clientHeadshot = "https://x/y.png", platform = "line",
        remark = "", isBlock = true, customerId = "007", userName = "王小明", userEmail = "a@b.c",
        userPhone = "0912345678", userBirthday = "1990-01-02", userAddress = "",
        createdAt = "2020-03-12T03:31:32.294Z", updatedAt = "2020-03-12T03:31:32.295Z",
        lastInteractAt = "2020-03-12T03:31:32.295Z",
        autoTags = { { name = "a", createdAt = "2023-11-14T22:13:20.123Z" } },
        tags = { { name = "b", createdAt = "2023-11-14T22:13:20.123Z" } }, tourTags = {} }, shown)
      assert.same(shown, done(ask("/client/", nil,
        { query = "?botId=" .. BOT .. "&platform=line&platformClientId=" .. USER })).client)
      refused(ask("/client/" .. USER), 404, 37011)
      refused(ask("/client/"), 404, 110000)
    end)

    it("come in pages, and by customer, platform, name and time", function()
      open()
      local users = {}
      for i = 1, 25 do
        users[i] = { id = ("U%03d"):format(i), bot = BOT, name = "name " .. i, created = 1583983892000 + i,
          platform = i % 5 == 0 and "instagram" or "line", ext_id = "c" .. i }
      end
      f.t:add_users(users)
      local function page(query)
        return done(ask("/clients", nil, { query = "?botId=" .. BOT .. query })).clientList
      end
      local seen, following = 0, ""
      repeat
        local answer = page("&limit=10&next=" .. following)
        seen, following = seen + #answer.list, answer.next
      until following == ""
      assert.equal(25, seen)
      assert.equal(10, #page("").list)
      assert.equal("U012", page("&limit=1&offset=11").list[1].clientId)
      assert.equal(5, #page("&limit=100&platform=instagram").list)
      assert.equal("U007", page("&customerId=c7").list[1].clientId)
      assert.equal("U023", page("&name=name%2023").list[1].clientId)
      assert.equal(3, #page("&startAt=1583983892003&endAt=1583983892005").list)
      for _, query in ipairs { "&limit=0", "&limit=101", "&next=zz", "&platform=icq", "&startAt=x" } do
        refused(ask("/clients", nil, { query = "?botId=" .. BOT .. query }), 404, 110000)
      end
    end)

    it("are bound to customers and let go", function()
      open()
      f.t:add_users { { id = USER, bot = BOT } }
      done(ask("/bind/customer", { clientId = USER, customerId = "c1" }), "Bind customer successfully")
      local query = { query = "?botId=" .. BOT .. "&customerId=c1" }
      assert.equal(1, #done(ask("/clients", nil, query)).clientList.list)
      done(ask("/unbind/customer", { clientId = USER, customerId = "c1" }), "Unbind customer successfully")
      assert.equal(0, #done(ask("/clients", nil, query)).clientList.list)
      refused(ask("/bind/customer", { clientId = "Unobody", customerId = "c1" }), 403, 60001)
      refused(ask("/unbind/customer", { clientId = "Unobody", customerId = "c1" }), 403, 60002)
    end)
  end)

  describe("credentials", function()
    it("are refused each for its documented reason", function()
      open()
      f.t:issue_pair("otherBot")
      local path = "/clients"
      refused(ask(path, nil, { token = false }), 401, 1004, "Token is invalid or expired")
      refused(ask(path, nil, { token = "a.b.c" }), 401, 1004, "Token is invalid or expired")
      refused(ask(path, nil, { secret = "wrong" }), 403, 1002, "permission denied")
      refused(ask(path, nil, { query = "?botId=otherBot" }), 403, 1002, "permission denied")
      refused(ask(path, nil, { query = "?botId=noBot" }), 404, 5001, "尋找Bot資訊失敗,無此botId")
      refused(ask(path, nil, { query = "" }), 404, 110000)
      refused(ask(path, { secret = false }), 404, 110000)
      refused(ask(path, "{"), 404, 110000)
      refused(ask(path, "[1]"), 404, 110000)
    end)

    it("are a real JWT with an end", function()
      local now = 1583983892294
      open { now = function() return now end }
      local head = pair.token:match("^[^.]+")
      assert.equal("eyJ", head:sub(1, 3))
      local claims = core.jwt.verify(f.t.store.jwt_key, pair.token)
      assert.same({ BOT, 1583983892, 1583983892 + 30 * 86400 }, { claims.subject, claims.issued, claims.expires })
      done(ask("/clients"))
      now = claims.expires * 1000
      refused(ask("/clients"), 401, 1004)
    end)

    it("rotate, also when they have expired, and the old pair is dead", function()
      local now = 1583983892294
      open { now = function() return now end }
      now = now + 31 * 86400 * 1000
      local answer = done(ask("/token"), "Operation completed successfully")
      refused(ask("/token"), 404, 120000, "Get open api failed")
      refused(ask("/clients"), 404, 120000, "Get open api failed")
      assert.not_equal(pair.token, answer.apiToken)
      assert.not_equal(pair.secret, answer.apiSecret)
      refused(ask("/clients", nil, { token = answer.apiToken }), 403, 1002)
      pair = { token = answer.apiToken, secret = answer.apiSecret }
      done(ask("/clients"))
      assert.equal(1, f.t:stats().effects.rotate)
      done(ask("/token", nil, { query = "" }))
    end)

    it("do not rotate with a wrong secret", function()
      open()
      refused(ask("/token", nil, { secret = "wrong" }), 403, 1002)
      done(ask("/clients"))
    end)

    it("are issued by another process, too", function()
      f.open { store = f.folder .. "/twin.db" }
      pair = assert(f.t:issue_pair(BOT))
      done(ask("/clients"))
      local store = assert(require("tagua.twin.store").open(f.folder .. "/twin.db"))
      local other = assert(require("tagua.twin.pairs").add(store, BOT, 600))
      store:close()
      refused(ask("/clients"), 404, 120000)
      pair = other
      done(ask("/clients"))
    end)

    it("survive a restart, and are kept as a hash", function()
      f.open { store = f.folder .. "/twin.db" }
      pair = assert(f.t:issue_pair(BOT, { seconds = 600 }))
      f.t:close()
      local support = require("spec.support")
      assert.equal(1, (support.shell("grep -c '" .. pair.secret .. "' " .. f.folder .. "/twin.db")))
      f.open { store = f.folder .. "/twin.db" }
      done(ask("/clients"))
    end)
  end)

  it("answers 429 and 500 in its own envelope", function()
    open { rate = { per_second = 0.1 } }
    done(ask("/clients"))
    local answer = ask("/clients")
    refused(answer, 429, 429, "Rate limit exceeded")
    assert.equal("10", answer.headers["retry-after"])
    f.t:close()
    open { faults = { faults = { { ["do"] = "error", path = "/api/openapi/clients", first = 1 },
      { ["do"] = "expired", path = "/api/openapi/token" } } } }
    refused(ask("/clients"), 500, 500)
    refused(ask("/token"), 401, 1004)
    done(ask("/clients"))
  end)

  it("knows POST alone, and no other paths", function()
    open()
    refused(ask("/autoTags/list", nil, { method = "GET" }), 405, 405)
    refused(ask("/nothing"), 404, 404)
    refused(ask("/autoTag/get/"), 404, 404)
  end)

  it("keeps to its own bots: BotBonnie's token opens nothing, and the other way round", function()
    open()
    refused(ask("/clients", nil, { token = fixture.TOKEN }), 401, 1004)
    assert.equal(401, f.ask("GET", "/tag/x", nil, { token = pair.token }).status)
  end)

  it("takes the vendor's own sample of a request", function()
    open()
    f.t:add_users { { id = "platformClient789", bot = BOT, uid = "client456" } }
    f.t.store:add_tag({ bot = BOT, id = "autoTag123", name = "a", kind = "auto" })
    local answer = ask("/autoTagMapping", cjson.encode({ secret = pair.secret, autoTagId = "autoTag123",
      clientId = "client456", platform = "line", platformClientId = "platformClient789" }))
    done(answer, "Create auto tag mapping successfully")
    assert.equal("platformClient789", f.t:effects()[1].user)
  end)
end)
