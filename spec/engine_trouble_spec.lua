local core = require("tagua.core")
local served = require("spec.support.served")
local support = require("spec.support")

local OK = served.OK

local function ok() return { body = OK } end

local function seconds() return core.system.monotonic_ns() / 1e9 end

--- A server and an engine that are closed when the spec is over.
local function open(options, answer, server)
  local made = served.new(options or {}, answer or ok, server)
  finally(function() made:close() end)
  return made
end

--- How many results have each verdict.
local function count(results)
  local counts = {}
  for _, result in ipairs(results) do counts[result.verdict] = (counts[result.verdict] or 0) + 1 end
  return counts
end

describe("a lost answer", function()
  it("is one effect and one ambiguous result, on a new connection", function()
    local shop = open({}, function() return { drop = true } end)
    local result = shop:one()
    assert.equal(1, #shop.requests)
    assert.same({ false, "settle", "EAMBIGUOUS", true, 1 },
      { result.ok, result.verdict, result.code, result.sent, result.attempts })
    assert.matches("the answer was lost", result.message, 1, true)
    assert.matches("whether it took effect is not known", result.message, 1, true)
  end)

  for _, case in ipairs { { "POST", '{"a":1}' }, { "DELETE", '{"a":1}' }, { "DELETE", false }, { "POST", false },
    { "PUT", "" }, { "GET", false } } do
    it(("is one effect on a connection that was used before: %s %s"):format(case[1],
      case[2] and "with a body" or "without a body"), function()
      for _, drop in ipairs { true, "reset" } do
        local shop = open({ in_flight = 4, unreachable_after = 1000 }, function(_, n)
          return n % 3 == 0 and { drop = drop } or ok()
        end)
        for i = 1, 150 do shop:submit { method = case[1], body = case[2], token = i } end
        local results = shop:run()
        assert.equal(150, #shop.requests)
        assert.same({ done = 100, settle = 50 }, count(results))
        assert.equal(150, shop.engine:stats().sent)
        assert.equal(100, shop.engine:stats().answered)
        assert.equal(0, shop.engine:stats().retries)
      end
    end)
  end

  it("is tried again where that does no harm, and each attempt is counted", function()
    local shop = open({ unreachable_after = 1000 }, function(_, n)
      return n <= 3 and { drop = true } or ok()
    end)
    local result = shop:one { repeatable = true }
    assert.is_true(result.ok)
    assert.equal(4, result.attempts)
    assert.equal(4, #shop.requests)
    assert.equal(3, shop.engine:stats().retries)
  end)

  it("is lost too when half of it came", function()
    local shop = open({}, function() return { body = OK, cut = 10 } end)
    local result = shop:one()
    assert.equal("settle", result.verdict)
    assert.equal("EAMBIGUOUS", result.code)
  end)

  it("does not let a platform that loses everything have each request once", function()
    local shop = open({ in_flight = 16, alone_first = false, unreachable_after = 3, backoff = 0.2,
      backoff_max = 0.4 }, function() return { drop = true } end)
    for i = 1, 200 do shop:submit { token = i } end
    local deadline = seconds() + 0.5
    while seconds() < deadline do shop:turn(0.02) end
    assert.is_true(#shop.requests >= 3)
    assert.is_true(#shop.requests <= 60, #shop.requests)
    assert.is_true(shop.engine:flying() <= 1)
  end)

  it("ends the run when nothing else ever comes", function()
    local shop = open({ unreachable_after = 3, backoff = 0.01, backoff_max = 0.02, give_up_after = 0.1 },
      function() return { drop = true } end)
    for i = 1, 500 do shop:submit { token = i } end
    local counts = count(shop:run())
    assert.equal(500, counts.settle + counts.cancelled)
    assert.equal(#shop.requests, counts.settle)
    assert.is_true(counts.cancelled > 300)
    local message, code = shop.engine:stopped()
    assert.equal("ENETWORK", code)
    assert.matches("the answer was lost", message, 1, true)
    assert.matches("nothing succeeded for 0 seconds: run it again later", message, 1, true)
  end)
end)

describe("trouble on the platform's side", function()
  for _, status in ipairs { 500, 502, 503, 504 } do
    it(status .. " is tried again only where that does no harm", function()
      local shop = open({}, function(_, n) return n <= 2 and { status = status, body = "{}" } or ok() end)
      local result = shop:one { repeatable = true }
      assert.is_true(result.ok)
      assert.equal(3, result.attempts)
      shop.requests = {}
      result = shop:one()
      assert.equal(1, #shop.requests)
      assert.same({ "settle", "EAMBIGUOUS", status }, { result.verdict, result.code, result.status })
    end)
  end

  it("is tried as often as was said, and no more", function()
    local shop = open({ attempts = 3 }, function()
      return { status = 500, body = '{"errorCode":500,"errorMessage":"out of order"}' }
    end)
    local result = shop:one { repeatable = true }
    assert.equal(3, #shop.requests)
    assert.same({ "fail", "EPLATFORM", 3, 500 },
      { result.verdict, result.code, result.attempts, result.platform_code })
    assert.matches("out of order", result.message, 1, true)
    assert.matches("tried 3 times", result.message, 1, true)
  end)

  it("waits between attempts as long as a 503 asks", function()
    local shop = open({}, function(_, n)
      return n == 1 and { status = 503, headers = { ["Retry-After"] = "1" }, body = "{}" } or ok()
    end)
    local before = seconds()
    assert.is_true(shop:one { repeatable = true }.ok)
    assert.is_true(seconds() - before >= 1)
  end)

  it("that it speaks of itself weighs less: it may be about one request", function()
    local shop = open({ alone_first = false, in_flight = 1, unreachable_after = 5, backoff = 60, backoff_max = 60 },
      function(_, n)
        return n % 19 == 0 and ok() or { body = '{"errorCode":500,"errorMessage":"no such user"}' }
      end)
    for i = 1, 95 do shop:submit { token = i } end
    assert.same({ settle = 90, done = 5 }, count(shop:run()))
  end)

  it("that lasts ends a run of what may be tried again, too", function()
    local shop = open({ unreachable_after = 2, give_up_after = 0.1, attempts = 1000 },
      function() return { status = 503, body = "down for maintenance" } end)
    for i = 1, 10 do shop:submit { repeatable = true, token = i } end
    assert.same({ cancelled = 10 }, count(shop:run()))
    local message, code = shop.engine:stopped()
    assert.equal("ENETWORK", code)
    assert.matches("answers 503: down for maintenance; nothing succeeded", message, 1, true)
  end)

  it("does not end a run by failures that are each request's own", function()
    local shop = open({ unreachable_after = 2, give_up_after = 0.01 },
      function() return { status = 404, body = '{"errorCode":404,"errorMessage":"no such user"}' } end)
    for i = 1, 40 do shop:submit { token = i } end
    assert.same({ fail = 40 }, count(shop:run()))
    assert.is_nil(shop.engine:stopped())
  end)
end)

describe("a 429", function()
  it("pauses the whole connection for Retry-After, and costs no attempt", function()
    local limited, after = 0, {}
    local shop = open({ attempts = 1, in_flight = 8, rate = { per_second = 1000 } }, function()
      if limited == 0 then limited = seconds() end
      if seconds() < limited + 0.2 then
        return { status = 429, headers = { ["Retry-After"] = "1" }, body = '{"errorCode":429}' }
      end
      after[#after + 1] = seconds() - limited
      return ok()
    end)
    for i = 1, 6 do shop:submit { token = i } end
    local results = shop:run()
    assert.same({ done = 6 }, count(results))
    for _, at in ipairs(after) do assert.is_true(at >= 1, at) end
    assert.equal(7, #shop.requests)
    assert.equal(1, shop.engine:stats().throttled)
    assert.equal(2, results[1].attempts)
  end)

  it("pauses by a date, too", function()
    local limited
    local shop = open({}, function(_, n)
      if n == 1 then
        limited = os.time()
        return { status = 429, headers = { ["Retry-After"] = os.date("!%a, %d %b %Y %H:%M:%S GMT", limited + 2) },
          body = "{}" }
      end
      return ok()
    end)
    local before = seconds()
    assert.is_true(shop:one().ok)
    assert.is_true(seconds() - before > 0.9)
    assert.is_true(core.system.wall_ns() / 1e9 >= limited + 2)
  end)

  it("pauses for a time of its own where the platform names none, at half the rate", function()
    local shop = open({ rate = { per_second = 100 } }, function(_, n)
      return n == 1 and { status = 429, body = "{}" } or ok()
    end)
    local before = seconds()
    assert.is_true(shop:one().ok)
    local took = seconds() - before
    assert.is_true(took >= 0.5 and took < 1.5, took)
    assert.is_true(shop.engine:stats().rate < 60)
  end)

  it("keeps the order of a lane", function()
    local seen = {}
    local shop = open({}, function(request, n)
      seen[#seen + 1] = request.path
      return n == 2 and { status = 429, headers = { ["Retry-After"] = "1" }, body = "{}" } or ok()
    end)
    for n = 1, 4 do shop:submit { path = "/" .. n, lane = "U1" } end
    assert.same({ done = 4 }, count(shop:run()))
    assert.same({ "/1", "/2", "/2", "/3", "/4" }, seen)
  end)

  it("ends the run when it asks for more than is bearable, without waiting for it", function()
    local shop = open({ give_up_after = 60 }, function()
      return { status = 429, headers = { ["Retry-After"] = "3600" }, body = "{}" }
    end)
    for i = 1, 10 do shop:submit { token = i } end
    local before = seconds()
    local results = shop:run()
    assert.is_true(seconds() - before < 5)
    assert.same({ stop = 1, cancelled = 9 }, count(results))
    local message, code = shop.engine:stopped()
    assert.equal("ERATE", code)
    assert.matches("wait for 3600 more seconds", message, 1, true)
  end)

  it("ends the run when nothing succeeds for too long", function()
    local shop = open({ give_up_after = 0.9 }, function() return { status = 429, body = "{}" } end)
    for i = 1, 3 do shop:submit { token = i } end
    assert.same({ stop = 1, cancelled = 2 }, count(shop:run()))
    assert.equal("ERATE", select(2, shop.engine:stopped()))
  end)
end)

describe("time", function()
  it("runs out for an answer that does not come", function()
    local shop = open({ timeout = 0.1 }, function() end)
    local before = seconds()
    local result = shop:one()
    local took = seconds() - before
    assert.is_true(took >= 0.09 and took < 2, took)
    assert.same({ "settle", "EAMBIGUOUS", true }, { result.verdict, result.code, result.sent })
    assert.matches("within 0.1 seconds", result.message, 1, true)
  end)

  it("runs out for an answer that never ends", function()
    local shop = open({ timeout = 0.2 }, function() return { body = OK:rep(100), bytes_per_second = 100 } end)
    local before = seconds()
    assert.equal("settle", shop:one().verdict)
    assert.is_true(seconds() - before < 2)
  end)

  it("that ran out is its own error where it was tried again", function()
    local shop = open({ timeout = 0.05, attempts = 2 }, function() end)
    local result = shop:one { repeatable = true }
    assert.same({ "fail", "ETIMEOUT", 2 }, { result.verdict, result.code, result.attempts })
  end)
end)

describe("a platform that can't be reached", function()
  it("ends the run after a few attempts, and nothing was sent", function()
    local folder, remove = support.folder()
    finally(remove)
    local shop = open({ base = "unix:" .. folder .. "/nobody" })
    for i = 1, 20 do shop:submit { token = i } end
    local results = shop:run()
    assert.same({ stop = 1, cancelled = 19 }, count(results))
    for _, result in ipairs(results) do assert.is_false(result.sent) end
    local message, code = shop.engine:stopped()
    assert.equal("ENETWORK", code)
    assert.matches("cannot connect to unix:" .. folder .. "/nobody: No such file or directory", message, 1, true)
    assert.matches("5 times in a row", message, 1, true)
    assert.equal(0, shop.engine:stats().sent)
  end)

  it("ends the run at a closed port, too", function()
    local server = assert(core.server.listen { address = "127.0.0.1:0" })
    local address = server:address()
    server:close()
    local shop = open({ base = "http://" .. address, unreachable_after = 3, attempts = 100 })
    shop:submit()
    assert.equal("ENETWORK", shop:run()[1].code)
  end)

  it("fails a request whose attempts are spent before that", function()
    local folder, remove = support.folder()
    finally(remove)
    local shop = open({ base = "unix:" .. folder .. "/nobody", attempts = 2, unreachable_after = 5 })
    for i = 1, 2 do shop:submit { token = i } end
    local results = shop:run()
    assert.same({ "fail", "ENETWORK", false, 2 },
      { results[1].verdict, results[1].code, results[1].sent, results[1].attempts })
    assert.matches("tried 2 times", results[1].message, 1, true)
    assert.same({ fail = 2 }, count(results))
  end)

  it("is waited for: what was not sent is sent when it is back", function()
    local folder, remove = support.folder()
    finally(remove)
    local path = folder .. "/socket"
    local shop = served.new({ base = "unix:" .. path, unreachable_after = 1000, attempts = 1000 }, ok)
    for i = 1, 10 do shop:submit { token = i } end
    for _ = 1, 10 do assert.same({}, shop:turn(0.005)) end
    shop.server:close()
    shop.server = assert(core.server.listen { address = "unix:" .. path })
    assert.same({ done = 10 }, count(shop:run()))
    assert.equal(10, #shop.requests)
    shop:close()
  end)

  it("is not looked for through a proxy that would read the token", function()
    local shop = served.new({}, ok)
    local code, out = support.shell("http_proxy=http://127.0.0.1:1 HTTP_PROXY=http://127.0.0.1:1 "
      .. "all_proxy=http://127.0.0.1:1 lua5.4 -e '" .. [[
        local core = require("tagua.core")
        local server = assert(core.server.listen { address = "127.0.0.1:0" })
        local engine = assert(core.engine.new { base = "http://" .. server:address() })
        engine:submit { method = "GET", path = "/" }
        while engine:pending() > 0 do
          engine:poll(1, { server:fd() })
          for _, request in ipairs(server:step()) do request:reply { body = "{}" } end
        end
        print(engine:poll(0)[1] == nil, engine:stats().answered)']])
    assert.equal(0, code)
    assert.matches("true\t1", out, 1, true)
    shop:close()
  end)
end)

describe("a platform over TLS", function()
  local folder, remove, port

  -- A port below those that the kernel hands out, which nobody else has: tried until one is.
  setup(function()
    folder, remove = support.folder()
    assert(support.shell("cd '" .. folder .. "' && openssl req -x509 -newkey ec -pkeyopt "
      .. "ec_paramgen_curve:P-256 -nodes -keyout key -out cert -days 2 -subj /CN=localhost "
      .. "-addext subjectAltName=DNS:localhost") == 0, "needs openssl")
    for _ = 1, 20 do
      port = 10000 + tonumber(core.system.random_hex(3), 16) % 20000
      local code = support.shell(("cd '%s' && { openssl s_server -accept 127.0.0.1:%d -key key -cert cert -www "
        .. ">log 2>&1 & echo $! >pid; } && n=0 && until grep -q ACCEPT log; do "
        .. "kill -0 $(cat pid) 2>/dev/null && [ $n -lt 100 ] || exit 1; n=$((n + 1)); sleep 0.02; done"):format(folder, port))
      if code == 0 then return end
    end
    error("no server over TLS: " .. support.read(folder .. "/log"))
  end)

  teardown(function()
    os.execute("kill $(cat '" .. folder .. "/pid')")
    remove()
  end)

  --- Sends three requests.
  local function ask(host, ca_file)
    local engine <close> = assert(core.engine.new { name = "shop", base = "https://" .. host .. ":" .. port,
      ca_file = ca_file, bearer = served.secret("s3cret-tls"), unreachable_after = 1000, attempts = 1000,
      backoff = 0.02, backoff_max = 0.02, rate = { per_second = 1000 } })
    for i = 1, 3 do engine:submit { method = "GET", path = "/", token = i } end
    local results, deadline = {}, seconds() + 10
    while #results < 3 and seconds() < deadline do
      for _, result in ipairs(engine:poll(0.1)) do results[#results + 1] = result end
    end
    local message, code = engine:stopped()
    return count(results), code, message, engine:stats().sent
  end

  it("is not trusted with a certificate that nobody signed: not a byte is sent", function()
    local counts, code, message, sent = ask("localhost")
    assert.same({ stop = 1, cancelled = 2 }, counts)
    assert.equal("ETLS", code)
    assert.matches("certificate was refused", message, 1, true)
    assert.equal(0, sent)
  end)

  it("is not trusted under another name than the certificate's", function()
    local counts, code = ask("127.0.0.1", folder .. "/cert")
    assert.same({ stop = 1, cancelled = 2 }, counts)
    assert.equal("ETLS", code)
  end)

  it("is trusted when its signer is", function()
    assert.same({ done = 3 }, (ask("localhost", folder .. "/cert")))
  end)

  it("is not trusted by a list of signers that is not there", function()
    local counts, code = ask("localhost", folder .. "/nothing")
    assert.same({ stop = 1, cancelled = 2 }, counts)
    assert.equal("ETLS", code)
  end)
end)

describe("dropping what is queued", function()
  it("cancels what was not sent, and lets what is under way come in", function()
    local shop = open({ in_flight = 4, alone_first = false })
    shop.answer = nil
    for i = 1, 20 do shop:submit { token = i, lane = i % 2 == 0 and "U1" or nil } end
    while #shop.unanswered < 4 do assert.same({}, shop:turn()) end
    shop.engine:drop_queued()
    assert.equal(4, shop.engine:pending())
    local cancelled = shop.engine:poll(0)
    assert.same({ cancelled = 16 }, count(cancelled))
    for _, result in ipairs(cancelled) do
      assert.equal("ECANCELLED", result.code)
      assert.is_false(result.sent)
      assert.equal(0, result.attempts)
    end
    for _, request in ipairs(shop.unanswered) do request:reply { body = OK } end
    assert.same({ done = 4 }, count(shop:run()))
    assert.is_nil(shop.engine:stopped())
  end)

  it("waits for no retry and no pause", function()
    local answers = { { status = 500, body = "{}" },
      { status = 429, headers = { ["Retry-After"] = "100" }, body = "{}" } }
    for i, answer in ipairs(answers) do
      local shop = served.new({ alone_first = false, backoff = 60, backoff_max = 60 }, function() end)
      shop:submit { repeatable = true }
      while #shop.unanswered < 1 do shop:turn() end
      shop.engine:drop_queued()
      shop.unanswered[1]:reply(answer)
      local before = seconds()
      local result = shop:run()[1]
      assert.is_true(seconds() - before < 5)
      assert.equal("cancelled", result.verdict)
      -- A 500 may have taken effect, a 429 has none.
      assert.equal(i == 1, result.sent)
      shop:close()
    end
  end)

  it("also drops what waits to be tried again", function()
    local shop = open({ backoff = 60, backoff_max = 60, alone_first = false, unreachable_after = 1000 },
      function() return { status = 500, body = "{}" } end)
    for i = 1, 5 do shop:submit { repeatable = true, token = i } end
    while #shop.requests < 5 or shop.engine:flying() > 0 do assert.same({}, shop:turn(0.01)) end
    shop.engine:drop_queued()
    assert.equal(0, shop.engine:pending())
    assert.same({ cancelled = 5 }, count(shop.engine:poll(0)))
  end)

  it("goes on with what is submitted afterwards", function()
    local shop = open()
    shop:submit()
    shop.engine:drop_queued()
    assert.same({ cancelled = 1 }, count(shop.engine:poll(0)))
    assert.is_true(shop:one { repeatable = true }.ok)
  end)
end)

describe("a run that was stopped", function()
  it("cancels what is submitted afterwards, with the reason", function()
    local shop = open({}, function() return { status = 403, body = "{}" } end)
    assert.equal("EPERMISSION", shop:one().code)
    shop:submit { lane = "U1", token = "later" }
    assert.equal(0, shop.engine:pending())
    local result = shop.engine:poll(0)[1]
    assert.equal("later", result.token)
    assert.equal("cancelled", result.verdict)
    assert.matches("not sent: connection 'shop'", result.message, 1, true)
    assert.equal(1, #shop.requests)
  end)

  it("lets what is under way come in", function()
    local shop = open({ in_flight = 3, alone_first = false })
    shop.answer = nil
    for i = 1, 6 do shop:submit { token = i } end
    while #shop.unanswered < 3 do shop:turn() end
    shop.unanswered[1]:reply { status = 401, body = "{}" }
    local all = shop:turn()
    while shop.engine:flying() > 2 or #all == 0 do
      for _, result in ipairs(shop:turn()) do all[#all + 1] = result end
    end
    shop.unanswered[2]:reply { body = OK }
    shop.unanswered[3]:reply { status = 429, body = "{}" }
    for _, result in ipairs(shop:run()) do all[#all + 1] = result end
    assert.same({ stop = 1, done = 1, cancelled = 4 }, count(all))
  end)

  it("goes on after a restart, one request first, at the rate that it had learned", function()
    local refuse = true
    local shop = open({ in_flight = 8, give_up_after = 60, rate = { per_second = 1000 } }, function()
      return refuse and { status = 429, headers = { ["Retry-After"] = "3600" }, body = "{}" } or ok()
    end)
    assert.equal("ERATE", shop:one().code)
    shop.engine:restart()
    assert.is_nil(shop.engine:stopped())
    assert.equal(500, shop.engine:stats().rate)
    shop:submit()
    assert.same({}, shop.engine:poll(0.02)) -- the pause lasts
    assert.equal(1, #shop.requests)

    refuse = false
    local again
    again = open({ in_flight = 8 }, function(_, n)
      if n == 2 then assert.equal(1, again.engine:flying()) end
      return n == 1 and { status = 401, body = "{}" } or ok()
    end)
    assert.equal("EAUTH", again:one().code)
    again.engine:restart()
    for i = 1, 20 do again:submit { token = i } end
    assert.same({ done = 20 }, count(again:run()))
    assert.equal(21, #again.requests)
  end)
end)
