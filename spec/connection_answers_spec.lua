-- What a platform answers when it is odd, in trouble or wrong, over real sockets.
local core = require("tagua.core")
local json = require("tagua.json")
local scripted = require("spec.support.scripted")
local support = require("spec.support")
local tagua = require("tagua")

local TOKEN = "s3cr3t-" .. core.system.random_hex(16)
local OK = '{"res":"ok","status":200}'

local folder, remove, server, shop

-- A connection to a server that answers as the function says.
local function connect(answer, changes)
  server = scripted.start(type(answer) == "string" and function() return answer end or answer)
  local given = {
    platform = "botbonnie", name = "shop", bot = "bot-1", page = "audi", channel = "line",
    token = tagua.file(folder .. "/token"), url = server:url(),
    rate = { per_second = 10000, burst = 100 }, timeout = 5, attempts = 2,
  }
  for name, value in pairs(changes or {}) do
    given[name] = value
  end
  shop = server:attach(assert(tagua.connect(given)))
  return shop
end

describe("an answer", function()
  setup(function()
    folder, remove = support.folder()
    support.write(folder .. "/token", TOKEN .. "\n")
    assert(os.execute("chmod 600 " .. folder .. "/token"))
  end)
  teardown(function() remove() end)
  after_each(function()
    if shop then shop:close() end
    shop = nil
  end)

  it("is asked for with the bearer token, as JSON, under the vendor's paths", function()
    connect(OK)
    assert.is_true(shop:tag_user("U1", "tag-1"))
    local request = server.requests[1]
    assert.equal("POST", request.method)
    assert.equal("/v1/api/user/tag", request.path)
    local digest = io.popen("printf %s '" .. TOKEN .. "' | sha256sum")
    assert.equal(digest:read("a"):sub(1, 64), request.bearer)
    digest:close()
    assert.matches("^application/json", request.headers["content-type"])
    assert.same({ bot_raw_uid = "U1", bot_tag_id = "tag-1", bot_pid = "audi", bot_channel = 1 },
      json.decode(request.body))
  end)

  it("may come from a Unix socket", function()
    server = scripted.start(function() return OK end, "unix:" .. folder .. "/platform.sock")
    shop = server:attach(assert(tagua.connect({
      platform = "botbonnie", bot = "bot-1", page = "audi", channel = "facebook",
      token = tagua.file(folder .. "/token"), url = "unix:" .. folder .. "/platform.sock",
    })))
    assert.is_true(shop:untag_user("1234567890123456", "tag-1"))
    assert.equal("DELETE", server.requests[1].method)
    assert.equal(0, json.decode(server.requests[1].body).bot_channel)
  end)

  it("may hold res as an object or as a string that holds JSON", function()
    connect(function(_, number)
      return number == 1 and '{"res":{"id":"tag-1"},"status":200}'
        or '{"res":"{ \\"id\\": \\"tag-2\\" }","status":200}'
    end)
    assert.equal("tag-1", assert(shop:create_tag("VIP")).id)
    assert.equal("tag-2", assert(shop:create_tag("VIP")).id)
  end)

  it("may be an error inside a 200", function()
    connect('{"errorMessage":"tag not exists","errorCode":404}')
    local done, message, code = shop:tag_user("U1", "tag-1")
    assert.is_nil(done)
    assert.matches("connection 'shop': cannot put the tag 'tag-1' on user 'U1': ", message, 1, true)
    assert.matches("tag not exists", message, 1, true)
    assert.matches("404", message, 1, true)
    assert.equal("EPLATFORM", code)
  end)

  it("is an error when status is not 200, or when there is no status at all", function()
    connect('{"res":"ok","status":400}')
    assert.is_nil((shop:tag_user("U1", "tag-1")))
    shop:close()
    connect('{"res":"ok"}')
    local done, _, code = shop:tag_user("U1", "tag-1")
    assert.is_nil(done)
    assert.equal("EAMBIGUOUS", code)
  end)

  it("leaves a tagging open when it is broken, and repeats a reading", function()
    connect('{"res":')
    local done, message, code = shop:tag_user("U1", "tag-1")
    assert.is_nil(done)
    assert.matches("connection 'shop'", message, 1, true)
    assert.equal("EAMBIGUOUS", code)
    assert.equal(1, #server.requests)
    shop:close()
    connect(function(_, number)
      return number == 1 and '{"res":' or '{"res":[],"status":200}'
    end)
    assert.same({}, assert(shop:user_tags("U1")))
    assert.equal(2, #server.requests)
  end)

  it("that never comes leaves a tagging open, and is not asked for again", function()
    connect(function() return { drop = true } end)
    local _, _, code = shop:tag_user("U1", "tag-1")
    assert.equal("EAMBIGUOUS", code)
    assert.equal(1, #server.requests)
    _, _, code = shop:create_tag("VIP")
    assert.equal("EAMBIGUOUS", code)
    assert.equal(2, #server.requests)
  end)

  it("that refuses the token names where the token comes from and what to do, and costs one call", function()
    connect(function() return { status = 401, body = '{"errorMessage":"Unauthorized","errorCode":401}' } end)
    local operations = {}
    for i = 1, 20 do
      operations[i] = { "tag", user = "U" .. i, tag = "tag-1" }
    end
    local codes, first = {}, nil
    for result in shop:perform(operations) do
      assert.is_false(result.ok)
      codes[result.code] = (codes[result.code] or 0) + 1
      if result.code == "EAUTH" then first = result end
    end
    assert.equal(1, #server.requests)
    assert.same({ EAUTH = 1, ECANCELLED = 19 }, codes)
    assert.is_true(first.stop)
    assert.matches("connection 'shop'", first.message, 1, true)
    assert.matches("file " .. folder .. "/token", first.message, 1, true)
    assert.matches("Bot Settings > Advanced", first.message, 1, true)
    local message, code = shop:stopped()
    assert.is_string(message)
    assert.equal("EAUTH", code)
  end)

  it("never shows the token, even when the platform repeats it", function()
    local texts = {}
    for _, status in ipairs({ 400, 401, 403, 404, 500 }) do
      connect(function()
        return { status = status, body = '{"errorMessage":"bad token ' .. TOKEN .. '","errorCode":' .. status .. "}" }
      end, { attempts = 1 })
      local _, message = shop:tag_user("U1", "tag-1")
      texts[#texts + 1] = message
      for result in shop:perform({ { "untag", user = "U1", tag = "tag-1" } }) do
        texts[#texts + 1] = result.message
      end
      texts[#texts + 1] = tostring(shop:stopped())
      shop:close()
    end
    local all = table.concat(texts, "\n")
    assert.not_matches(TOKEN, all, 1, true)
    assert.matches("[secret]", all, 1, true)
  end)

  it("of 429 pauses and is no failure", function()
    connect(function(_, number)
      if number == 1 then
        return { status = 429, body = '{"errorMessage":"slow down","errorCode":429}', headers = { ["Retry-After"] = "0" } }
      end
      return OK
    end)
    assert.is_true(shop:tag_user("U1", "tag-1"))
    assert.equal(2, #server.requests)
    assert.equal(1, shop:stats().throttled)
  end)

  it("after a stop may be tried again by the next call", function()
    connect(function(_, number)
      return number == 1 and { status = 401, body = '{"errorMessage":"no","errorCode":401}' } or OK
    end)
    local _, _, code = shop:tag_user("U1", "tag-1")
    assert.equal("EAUTH", code)
    assert.is_true(shop:tag_user("U1", "tag-1"))
    assert.is_nil((shop:stopped()))
  end)

  it("comes from nowhere when nobody listens", function()
    connect(OK, { attempts = 1 })
    server:close()
    shop.twin = nil
    local done, message, code = shop:user_tags("U1")
    assert.is_nil(done)
    assert.equal("ENETWORK", code)
    assert.matches("connection 'shop': cannot read the tags of user 'U1': ", message, 1, true)
  end)

  it("with users comes page by page, 3,086 at a time, until no cursor is left", function()
    connect(function(request)
      assert.equal("3086", request.query.limit)
      assert.equal("bot-1", request.query.botId)
      local number = tonumber(request.query.next or "1")
      local following = number < 3 and ("%d"):format(number + 1) or ""
      return ('{"res":{"records":[{"id":"U%da"},{"id":1234567890123456%03d}],"next":"%s"},"status":200}'):format(
        number, number, following)
    end)
    local ids = {}
    for user in shop:users() do
      ids[#ids + 1] = user.id
    end
    assert.same({
      "U1a", "1234567890123456001", "U2a", "1234567890123456002", "U3a", "1234567890123456003",
    }, ids)
    assert.equal(3, #server.requests)
  end)

  it("that fails in the middle of the users is never taken for their end", function()
    connect(function(_, number)
      return number == 1 and '{"res":{"records":[{"id":"U1"}],"next":"2"},"status":200}'
        or '{"errorMessage":"no such cursor","errorCode":400}'
    end)
    local ids = {}
    local ok, failure = pcall(function()
      for user in shop:users() do
        ids[#ids + 1] = user.id
      end
    end)
    assert.is_false(ok)
    assert.same({ "U1" }, ids)
    assert.equal("EPLATFORM", failure.code)
    assert.matches("no such cursor", tostring(failure), 1, true)
    local page, message, code = shop:users_page("2")
    assert.is_nil(page)
    assert.matches("connection 'shop': cannot read the users", message, 1, true)
    assert.equal("EPLATFORM", code)
  end)
end)
