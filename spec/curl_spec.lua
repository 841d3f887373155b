-- The requests that the vendors' pages show, sent with plain curl to `tagua twin serve`: they get the
-- answers that the pages document.
local command = require("spec.support.command")
local json = require("cjson")
local support = require("spec.support")

local USER = "U21ab30ccce78feb456048adeb80cf00a"

describe("plain curl at the twin", function()
  local place, twin, url

  local function serve(options)
    twin = place:start("twin serve --store twin.db --listen 127.0.0.1:0 " .. (options or ""))
    url = assert(twin:first_line(), twin:file("err")):match("http://%S+")
  end

  -- -> HTTP status, the answer decoded, the answer as it came.
  local function curl(method, path, token, body)
    place:write("body", body or "")
    local code, out, err = support.shell(("curl -sS -X %s -w '\\n%%{http_code} %%{content_type}' -H 'Authorization: Bearer %s'"
      .. " -H 'Content-Type: application/json' %s '%s%s'"):format(
        method, token, body and ("--data-binary @" .. place.folder .. "/body") or "", url, path))
    assert.equal(0, code, err)
    local text, status, kind = out:match("^(.*)\n(%d+) (%S*)$")
    assert.matches("^application/json", kind)
    return tonumber(status), json.decode(text), text
  end

  before_each(function() place = command.place() end)
  after_each(function() place:close() end)

  describe("of BotBonnie", function()
    local token

    before_each(function()
      token = select(2, place:run("twin token add --bot bot-WDCLEHlTw --store twin.db")):match("^(%S+)")
      serve()
    end)

    local function about_user(tag)
      return ('{"bot_tag_id":"%s","bot_raw_uid":"%s","bot_pid":"test_audi","bot_channel":1}'):format(tag or "", USER)
    end

    it("makes a folder and a tag, puts the tag on, lists it, takes it off, deletes the folder", function()
      local status, answer = curl("POST", "/v1/api/tag/autogen", token,
        '{"botId":"bot-WDCLEHlTw","name":"Events","type":1}')
      assert.equal(200, status)
      assert.equal(200, answer.status)
      local folder = answer.res.id
      status, answer = curl("POST", "/v1/api/tag/autogen", token,
        ('{"botId":"bot-WDCLEHlTw","name":"VIP","type":0,"parentId":"%s"}'):format(folder))
      assert.equal(200, status)
      local tag = answer.res.id
      status, answer = curl("GET", "/v1/api/tag/" .. tag, token)
      assert.equal(200, status)
      assert.same({ "bot-WDCLEHlTw", tag, "VIP", 0 },
        { answer.res.botId, answer.res.id, answer.res.name, math.tointeger(answer.res.type) })
      local _, _, text = curl("POST", "/v1/api/user/tag", token, about_user(tag))
      assert.same({ res = "ok", status = 200 }, json.decode(text))
      status, answer = curl("POST", "/v1/api/user/taglist", token,
        ('{"bot_raw_uid":"%s","bot_pid":"test_audi","bot_channel":1}'):format(USER))
      assert.equal(200, status)
      local entry = answer.res[1]
      assert.same({ USER, "test_audi", 1 }, { entry.bot_raw_uid, entry.bot_pid, math.tointeger(entry.bot_channel) })
      assert.same({ tag, "VIP" }, { entry.tags[1].id, entry.tags[1].name })
      assert.is_number(entry.tags[1].timestamp)
      status, answer = curl("DELETE", "/v1/api/user/tag", token, about_user(tag))
      assert.same({ 200, "ok" }, { status, answer.res })
      status, answer = curl("DELETE", "/v1/api/tag/" .. folder, token)
      assert.equal(200, status)
      table.sort(answer.res)
      local gone = { folder, tag }
      table.sort(gone)
      assert.same(gone, answer.res)
    end)

    it("says no in the documented envelope, without res and status", function()
      local _, answer = curl("POST", "/v1/api/user/tag", "not-the-token", about_user("tag-1"))
      assert.is_string(answer.errorMessage)
      assert.is_number(answer.errorCode)
      assert.is_nil(answer.res)
      assert.is_nil(answer.status)
    end)
  end)

  describe("of MantaGo", function()
    local token, secret, tag

    before_each(function()
      token, secret = select(2, place:run("twin token add --pair --bot lNbWoobyg --store twin.db")):match("^(%S+)\n(%S+)")
    end)

    local function body(more) return ('{"secret":"%s"%s}'):format(secret, more or "") end

    local function start(options)
      serve(options)
      assert.equal(200, (curl("POST", "/api/openapi/autoTag?botId=lNbWoobyg", token, body(',"name":"VIP"'))))
      local _, list = curl("POST", "/api/openapi/autoTags/list?botId=lNbWoobyg", token, body())
      tag = list.autoTagList[1].id
    end

    local function assign(how)
      how = how or {}
      return curl("POST", ("/api/openapi/autoTagMapping?botId=%s"):format(how.bot or "lNbWoobyg"), how.token or token,
        how.body or body((',"autoTagId":"%s","platform":"line","platformClientId":"%s"'):format(how.tag or tag, USER)))
    end

    local function says_no(status, code, message, got, answer)
      assert.equal(status, got)
      assert.is_false(answer.success)
      assert.equal(code, math.tointeger(answer.errResponse.code))
      assert.matches(message, answer.errResponse.message, 1, true)
    end

    it("assigns an auto tag, by the platform's id and by MantaGo's own", function()
      start()
      local status, answer = assign()
      assert.equal(200, status)
      assert.is_true(answer.success)
      assert.is_string(answer.message)
      local _, list = curl("POST", "/api/openapi/clients?botId=lNbWoobyg&platform=line", token, body())
      assert.equal(USER, list.clientList.list[1].clientId) -- the platform's id, in spite of the name
      assert.equal("VIP", list.clientList.list[1].autoTags[1].name)
      status, answer = curl("POST", "/api/openapi/autoTagMapping/delete?botId=lNbWoobyg", token,
        body((',"autoTagId":"%s","platform":"line","platformClientId":"%s"'):format(tag, USER)))
      assert.equal(200, status)
      assert.equal("Delete auto tag mapping successfully", answer.message)
    end)

    it("gets 401, 403 and 404 for their documented reasons, in the envelope", function()
      start()
      says_no(401, 1004, "Token is invalid or expired", assign({ token = "eyJhbGciOiJIUzI1NiJ9.e30.AAAA" }))
      local right = secret
      secret = "not-the-secret"
      says_no(403, 1002, "permission denied", assign())
      secret = right
      says_no(404, 5001, "無此botId", assign({ bot = "nobody" }))
      says_no(404, 110000, "Get correct request variables failed",
        assign({ body = body((',"autoTagId":"%s"'):format(tag)) }))
      says_no(404, 37011, "Get client failed",
        assign({ body = body((',"autoTagId":"%s","clientId":"nobody"'):format(tag)) }))
    end)

    it("gets a new pair for the old one, which is refused from then on", function()
      start()
      local status, answer = curl("POST", "/api/openapi/token?botId=lNbWoobyg", token, body())
      assert.equal(200, status)
      assert.is_true(answer.success)
      assert.equal("Operation completed successfully", answer.message)
      assert.matches("^eyJ", answer.apiToken)
      says_no(404, 120000, "Get open api failed", assign())
      token, secret = answer.apiToken, answer.apiSecret
      assert.equal(200, (assign()))
    end)

    it("gets 429 and 500 in the same envelope", function()
      place:write("faults.json", '{"faults":[{"do":"error","path":"/api/openapi/autoTagMapping","first":1},'
        .. '{"do":"throttle","path":"/api/openapi/autoTagMapping","first":1}]}')
      start("--faults faults.json")
      local status, answer = assign()
      assert.same({ 500, false }, { status, answer.success })
      assert.is_string(answer.errResponse.message)
      status, answer = assign()
      assert.same({ 429, false }, { status, answer.success })
      assert.equal("Rate limit exceeded", answer.errResponse.message)
      assert.equal(200, (assign()))
    end)
  end)
end)
