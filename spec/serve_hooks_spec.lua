local cases = require("spec.support.hooks")
local http = require("spec.support.http")
local json = require("tagua.json")
local support = require("spec.support")
local core = require("tagua.core")

local FOLLOW = '{"destination":"U0","events":[{"type":"follow","timestamp":1700000000000,"mode":"active",'
  .. '"webhookEventId":"01FZ74A0TDDPYRVKNK77XKC3ZR","deliveryContext":{"isRedelivery":%s},'
  .. '"source":{"type":"user","userId":"U1"},"follow":{"isUnblocked":false}}]}'

describe("the paths of the public listener", function()
  local place

  before_each(function() place = cases.place() end)
  after_each(function() place:close() end)

  local function status_of(request) return place:ask(request).status end

  local function metric(name) return place.taker:metrics()[name] or 0 end

  describe("/hooks/line/CONNECTION", function()
    it("keeps an event that LINE signed, and answers 200", function()
      place:open()
      local body = FOLLOW:format("false")
      assert.equal(200, status_of(place:from_line(body)))
      local event = place:kept()[1]
      assert.same({ "line", "U1", "follow", 1700000000000, false },
        { event.source, event.user, event.type, event.at, event.fields["follow.isUnblocked"] })
      assert.equal(1, metric('tagua_requests_total{source="line",status="200"}'))
      assert.equal(1, metric('tagua_events_total{source="line"}'))
    end)

    it("answers 200 to a webhook without events, as the console sends one to verify", function()
      place:open()
      assert.equal(200, status_of(place:from_line('{"destination":"U0","events":[]}')))
      assert.same({}, place:kept())
    end)

    it("answers a redelivery, and does not count it again", function()
      place:open()
      for _, again in ipairs({ "false", "true", "true" }) do
        assert.equal(200, status_of(place:from_line(FOLLOW:format(again))))
      end
      assert.equal(1, #place:kept())
      assert.equal(2, metric("tagua_duplicates_total"))
      assert.equal(1, metric('tagua_events_total{source="line"}'))
    end)

    it("answers 401 to a signature that is missing, wrong or of another body, and looks no further", function()
      place:open()
      local body = FOLLOW:format("false")
      local right = place:from_line(body)
      for _, request in ipairs({
        { path = right.path, body = body },
        { path = right.path, body = body, headers = { ["x-line-signature"] = "wrong" } },
        { path = right.path, body = body .. " ", headers = right.headers },
        { path = right.path, body = body, headers = { ["x-line-signature"] = place:sign(cases.META_SECRET, body, "base64") } },
        { path = right.path, body = "not even JSON", headers = { ["x-line-signature"] = "x" } },
      }) do
        assert.equal(401, status_of(request))
      end
      assert.same({}, place:kept())
      assert.equal(5, metric('tagua_hooks_unverified_total{source="line"}'))
      assert.equal("unverified", place.lines[1].event)
      assert.same({ "/hooks/line/shop", "127.0.0.1" }, { place.lines[1].path, place.lines[1].from })
      assert.equal(5, #place.lines)
    end)

    it("answers 404 for a connection that takes no such events, and 405 for another method", function()
      place:open()
      assert.equal(404, status_of(place:from_line(FOLLOW, "other")))
      assert.equal(405, status_of({ path = "/hooks/line/shop" }))
      assert.equal(404, status_of({ path = "/hooks/line/../line/shop", body = "{}" }))
    end)

    it("answers 400 to what LINE signed and is no webhook, too deep or too many", function()
      place:open()
      for _, body in ipairs({ "x", "[1]", '{"events":7}', '{"events":' .. ("["):rep(600) .. ("]"):rep(600) .. "}",
        '{"events":[' .. ("1,"):rep(10000) .. "1]}" }) do
        assert.equal(400, status_of(place:from_line(body)))
      end
    end)

    it("answers 413 to a body of more than a megabyte", function()
      place:open()
      assert.equal(413, status_of(place:from_line(("x"):rep(1024 * 1024 + 1))))
    end)

    it("keeps the right ones where one of many clients sends nonsense", function()
      place:open()
      local requests = {}
      for i = 1, 20 do
        requests[i] = i % 2 == 0 and place:from_line((FOLLOW:format("false"):gsub("01FZ", ("%04d"):format(i))))
          or { path = "/hooks/line/shop", body = ("{"):rep(1000), headers = { ["x-line-signature"] = "no" } }
      end
      for i, answer in ipairs(place:ask_all(requests)) do
        assert.equal(i % 2 == 0 and 200 or 401, answer.status)
      end
      assert.equal(10, #place:kept())
    end)
  end)

  describe("/hooks/meta/CONNECTION", function()
    local MESSAGE = '{"object":"page","entry":[{"messaging":[{"sender":{"id":"2544"},"timestamp":1700000000000,'
      .. '"message":{"mid":"m1","text":"hi"}}]}]}'

    local function from_meta(body)
      return { path = "/hooks/meta/shop", body = body,
        headers = { ["X-Hub-Signature-256"] = "sha256=" .. place:sign(cases.META_SECRET, body) } }
    end

    it("keeps what Meta signed, once", function()
      place:open()
      assert.equal(200, status_of(from_meta(MESSAGE)))
      assert.equal(200, status_of(from_meta(MESSAGE)))
      assert.same({ "meta", "2544", "message", "hi" },
        { place:kept()[1].source, place:kept()[1].user, place:kept()[1].type, place:kept()[1].fields.text })
      assert.equal(1, #place:kept())
      local request = from_meta(MESSAGE)
      request.headers["X-Hub-Signature-256"] = request.headers["X-Hub-Signature-256"]:sub(8)
      assert.equal(401, status_of(request))
    end)

    it("answers Meta's challenge where the token is right", function()
      place:open()
      local function ask(token, mode, challenge)
        return place:ask({ path = ("/hooks/meta/shop?hub.mode=%s&hub.challenge=%s&hub.verify_token=%s"):format(
          mode or "subscribe", challenge or "1158201444", token) })
      end
      local answer = ask(cases.VERIFY)
      assert.same({ 200, "1158201444", "text/plain" }, { answer.status, answer.body, answer.headers["content-type"] })
      assert.equal(403, ask("another-token").status)
      assert.equal(400, ask(cases.VERIFY, "unsubscribe").status)
      assert.equal(400, ask(cases.VERIFY, nil, "%3Cscript%3E").status)
      assert.equal(400, status_of({ path = "/hooks/meta/shop" }))
      assert.equal(404, status_of({ path = "/hooks/meta/other?hub.mode=subscribe" }))
    end)
  end)

  describe("/hooks/botbonnie/CONNECTION/EVENT", function()
    local BODY = '{"bot_id":"bot-1","bot_raw_uid":"U7","bot_channel":1}'

    local function from_botbonnie(event, prefix)
      return { path = "/hooks/botbonnie/shop/" .. event, body = BODY,
        headers = { ["X-Hub-Signature"] = prefix .. place:sign(cases.BOT_SECRET, BODY, "sha1") } }
    end

    it("keeps the event that the path names, and answers with the rules' message", function()
      place:open({ replies = { vip = '{"type":"text","text":"歡迎"}' } })
      local answer = place:ask(from_botbonnie("vip", "sha1="))
      assert.same({ 200, '{"type":"text","text":"歡迎"}', "application/json" },
        { answer.status, answer.body, answer.headers["content-type"] })
      answer = place:ask(from_botbonnie("asked%20for%20%E5%83%B9%E6%A0%BC", ""))
      assert.same({ 200, "{}\n" }, { answer.status, answer.body })
      assert.same({ "vip", "asked for 價格" }, { place:kept()[1].type, place:kept()[2].type })
      assert.equal(401, status_of(from_botbonnie("vip", "sha256=")))
    end)

    it("goes by other replies from one request to the next", function()
      place:open({ replies = { vip = '"old"' } })
      assert.equal('"old"', place:ask(from_botbonnie("vip", "")).body)
      place.taker:use({}, { vip = '"new"' })
      assert.equal('"new"', place:ask(from_botbonnie("vip", "")).body)
    end)
  end)

  describe("/hooks/NAME", function()
    it("keeps the body as it came, for the rules to read", function()
      place:open()
      local body = '{ "order" : 1, "customer":{"line":"U9"} }'
      local request = { path = "/hooks/orders", body = body,
        headers = { ["x-shop-signature"] = place:sign(cases.CRM_SECRET, body, "base64") } }
      assert.equal(200, status_of(request))
      local raw = assert(place.box:raws("shop", 0, 10))[1]
      assert.same({ "orders", body }, { raw.hook, raw.body })
      request.body = body .. " "
      assert.equal(401, status_of(request))
      request.body, request.path = "{", "/hooks/orders"
      request.headers["x-shop-signature"] = place:sign(cases.CRM_SECRET, "{", "base64")
      assert.equal(400, status_of(request))
      assert.equal(404, status_of({ path = "/hooks/nobody", body = "{}" }))
      assert.equal(1, #place.box:raws("shop", 0, 10))
    end)

    it("goes by a bearer token where the rules say so", function()
      place:open()
      assert.equal(200, status_of({ path = "/hooks/crm", body = "[1]", token = cases.CRM_SECRET }))
      assert.equal(401, status_of({ path = "/hooks/crm", body = "[1]", token = cases.CRM_SECRET .. "x" }))
      assert.equal(401, status_of({ path = "/hooks/crm", body = "[1]" }))
    end)
  end)

  describe("/events/CONNECTION", function()
    it("keeps events of one's own, with a token whose hash is known", function()
      place:open()
      local answer = place:ask({ path = "/events/shop", token = cases.TOKEN,
        body = '{"id":"1","user":"U1","type":"purchase","amount":1280}\n{"user":"U2","type":"visit"}\n' })
      assert.equal(200, answer.status)
      assert.same({ events = 2 }, json.decode(answer.body))
      assert.same({ "U1", "U2" }, { place:kept()[1].user, place:kept()[2].user })
      assert.equal(1280, place:kept()[1].fields.amount)
    end)

    it("refuses a wrong token before it reads, and a wrong event with what is wrong", function()
      place:open()
      local answer = place:ask({ path = "/events/shop", token = "guess", body = "{" })
      assert.same({ 401, "Bearer" }, { answer.status, answer.headers["www-authenticate"] })
      assert.equal(401, status_of({ path = "/events/shop", body = "{}" }))
      answer = place:ask({ path = "/events/shop", token = cases.TOKEN, body = '[{"user":"U1","type":"t"},{"user":"U2"}]' })
      assert.same({ 400, "event 2: type is missing" }, { answer.status, json.decode(answer.body).error })
      assert.same({}, place:kept())
      assert.equal(404, status_of({ path = "/events/other", token = cases.TOKEN, body = "{}" }))
    end)

    it("answers 503 where more waits than was allowed, and takes it again when it is worked off", function()
      local settled, now = 0, 1000
      place:open({ most_waiting = 3, settled = function() return { shop = settled } end, now = function() return now end })
      local request = { path = "/events/shop", token = cases.TOKEN, body = '[{"user":"U1","type":"t"},{"user":"U2","type":"t"},'
        .. '{"user":"U3","type":"t"}]' }
      assert.equal(200, status_of(request))
      now = now + 1000
      local answer = place:ask(request)
      assert.same({ 503, "5" }, { answer.status, answer.headers["retry-after"] })
      settled, now = 3, now + 1000
      assert.equal(200, status_of(request))
    end)
  end)

  it("has what was answered in the file, for whoever opens it", function()
    place:open()
    place:ask(place:from_line(FOLLOW:format("false")))
    local other = assert(require("tagua.events.inbox").open(place.folder .. "/events.db", { read_only = true }))
    finally(function() other:close() end)
    assert.equal("U1", other:events("shop", 0, 10)[1].user)
  end)

  it("speaks TLS where a certificate is given, and believes the proxies that it was told of", function()
    local folder = place.folder
    local code = support.shell(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout %s/k.pem "
      .. "-out %s/c.pem -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 && chmod 600 %s/k.pem"):format(folder,
      folder, folder))
    assert.equal(0, code)
    place:open({ tls = { certificate = folder .. "/c.pem", key = folder .. "/k.pem" }, proxies = { "127.0.0.0/8" } })
    support.write(folder .. "/body", FOLLOW:format("false"))
    os.execute(("{ { curl -sS -m 20 --cacert %s/c.pem -H 'x-line-signature: %s' -H 'X-Forwarded-For: 203.0.113.9' --data-binary "
      .. "@%s/body -w '%%{http_code}' https://%s/hooks/line/shop; curl -sS -m 20 --cacert %s/c.pem -H 'X-Forwarded-For: "
      .. "203.0.113.9' --data-binary x -w '%%{http_code}' https://%s/hooks/line/shop; } >%s/out.part 2>&1; mv %s/out.part %s/out; } &")
      :format(folder, place:sign(cases.LINE_SECRET, FOLLOW:format("false"), "base64"), folder, place.taker:address(), folder,
        place.taker:address(), folder, folder, folder))
    for _ = 1, 2000 do
      if core.system.file_kind(folder .. "/out") then break end
      place.taker:wait(0.01)
    end
    assert.matches("^{}\n200{.*}\n401$", support.read(folder .. "/out"))
    assert.equal(1, #place:kept())
    assert.equal("203.0.113.9", place.lines[1].from)
  end)

  it("takes a renewed certificate into use, once it fits its key, and keeps who is connected", function()
    local folder, now = place.folder, 1000000
    local function make()
      assert.equal(0, (support.shell(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "
        .. "%s/k.pem -out %s/c.pem -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 && chmod 600 %s/k.pem"):format(
        folder, folder, folder))))
    end
    local function ask(certificate)
      os.execute(("{ curl -sS -m 20 --cacert %s -o /dev/null -w '%%{http_code}' https://%s/ >%s/out.part 2>&1; mv %s/out.part "
        .. "%s/out; } &"):format(certificate, place.taker:address(), folder, folder, folder))
      for _ = 1, 2000 do
        if core.system.file_kind(folder .. "/out") then break end
        place.taker:wait(0.01)
      end
      local text = support.read(folder .. "/out")
      os.remove(folder .. "/out")
      return text
    end
    make()
    os.execute(("cp %s/c.pem %s/first.pem"):format(folder, folder))
    place:open({ tls = { certificate = folder .. "/c.pem", key = folder .. "/k.pem" }, now = function() return now end })
    local address = place.taker:address()
    local idle = http.start(address, "\22\3\1\2\0\1\0") -- begins to shake hands with the first
    assert.equal("404", ask(folder .. "/first.pem"))
    os.execute(("cp %s/k.pem %s/old.pem"):format(folder, folder))
    make()
    os.execute(("cp %s/old.pem %s/k.pem"):format(folder, folder))
    for _ = 1, 3 do
      now = now + 60000
      place.taker:wait(0)
    end
    assert.equal("404", ask(folder .. "/first.pem"))
    assert.matches("cannot be used", place.lines[1].message)
    make()
    for _ = 1, 2 do
      now = now + 60000
      place.taker:wait(0)
    end
    assert.equal("another certificate is in use", place.lines[2].message)
    assert.equal(address, place.taker:address())
    assert.equal("404", ask(folder .. "/c.pem"))
    assert.matches("certificate", ask(folder .. "/first.pem"))
    assert.equal(2, #place.taker.listeners)
    assert.is_false(idle.done())
  end)

  it("answers nothing but 2xx and 4xx to bodies that are damaged at random", function()
    place:open()
    math.randomseed(8)
    local requests = {}
    for i = 1, 24 do
      local body = FOLLOW:format("false")
      local at = math.random(#body)
      body = body:sub(1, at) .. string.char(math.random(0, 255)) .. body:sub(at + math.random(0, 30))
      requests[i] = i % 2 == 0 and place:from_line(body)
        or { path = "/events/shop", token = cases.TOKEN, body = body }
    end
    for _, answer in ipairs(place:ask_all(requests)) do
      assert.is_true(answer.status >= 200 and answer.status < 300 or answer.status >= 400 and answer.status < 500, answer.raw)
    end
  end)
end)
