local core = require("tagua.core")
local served = require("spec.support.served")
local support = require("spec.support")

local OK = served.OK

local function ok() return { body = OK } end

--- A server and an engine that are closed when the spec is over.
local function open(options, answer, server)
  local made = served.new(options or {}, answer or ok, server)
  finally(function() made:close() end)
  return made
end

describe("the engine", function()
  it("carries a request out and hands its result back with the token", function()
    local shop = open()
    local token = { any = "value" }
    local result = shop:one { token = token }
    assert.equal(token, result.token)
    assert.same({ token = token, ok = true, verdict = "done", status = 200, body = OK, attempts = 1,
      sent = true }, result)
    local request = shop.requests[1]
    assert.equal("POST", request.method)
    assert.equal("/v1/api/user/tag", request.path)
    assert.equal('{"bot_tag_id":"tag-1"}', request.body)
    assert.equal("application/json", request.headers["content-type"])
    assert.is_nil(request.headers.expect)
  end)

  it("gives each request its own result, whatever the order", function()
    local shop = open({ in_flight = 32 }, function(_, n)
      return { body = OK, after = n % 7 * 0.001 }
    end)
    for i = 1, 300 do shop:submit { token = i } end
    local seen = {}
    for _, result in ipairs(shop:run()) do
      assert.is_true(result.ok)
      assert.is_nil(seen[result.token])
      seen[result.token] = true
    end
    assert.equal(300, #seen)
    assert.equal(300, #shop.requests)
    assert.equal(0, shop.engine:flying())
  end)

  it("sends a body with DELETE, and none with GET", function()
    local shop = open()
    shop:one { method = "DELETE", body = '{"a":1}' }
    shop:one { method = "GET", path = "/v1/api/tag/tag--x%20y?z=%26", body = false }
    shop:one { method = "DELETE", path = "/v1/api/tag/tag-1", body = false }
    shop:one { method = "POST", body = false }
    local seen = {}
    for i, request in ipairs(shop.requests) do
      seen[i] = { request.method, request.body, request.headers["content-type"] or "none",
        request.headers["content-length"] or "none" }
    end
    assert.same({
      { "DELETE", '{"a":1}', "application/json", "7" },
      { "GET", "", "none", "none" },
      { "DELETE", "", "none", "none" },
      { "POST", "", "none", "0" },
    }, seen)
    assert.equal("&", shop.requests[2].query.z)
  end)

  it("puts the base's path before the request's, dots and all", function()
    local shop = open()
    local engine = assert(core.engine.new { base = "http://" .. shop.server:address() .. "/proxy/v2/" })
    finally(function() engine:close() end)
    engine:submit { method = "GET", path = "/a/../b" }
    while engine:pending() > 0 do
      engine:poll(0.1, { shop.server:fd() })
      for _, request in ipairs(shop.server:step()) do
        assert.equal("/proxy/v2/a/../b", request.path)
        request:reply { body = OK }
      end
    end
  end)

  it("speaks over a Unix socket", function()
    local folder, remove = support.folder()
    finally(remove)
    local shop = served.new({}, ok, { address = "unix:" .. folder .. "/socket" })
    assert.is_true(shop:one().ok)
    assert.equal("localhost", shop.requests[1].headers.host)
    shop:close()
  end)

  it("uses its connections again", function()
    local shop = open({ in_flight = 4 })
    for _ = 1, 200 do shop:submit() end
    assert.equal(200, #shop:run())
    assert.is_true(shop.server.connections == nil or shop.server:connections() <= 4)
  end)

  it("keeps no more under way than it may", function()
    local most = 0
    local shop = open({ in_flight = 5 }, function() return { body = OK, after = 0.002 } end)
    for _ = 1, 60 do shop:submit() end
    while shop.engine:pending() > 0 do
      shop:turn()
      most = math.max(most, shop.engine:flying())
    end
    assert.equal(5, most)
  end)

  it("sends the first request alone, so that a wrong token costs one call", function()
    local shop
    shop = open({ in_flight = 16 }, function(_, n)
      if n == 1 then assert.equal(1, shop.engine:flying()) end
      return { status = 401, body = '{"errorCode":401,"errorMessage":"bad token"}' }
    end)
    for i = 1, 50 do shop:submit { token = i } end
    local results = shop:run()
    assert.equal(1, #shop.requests)
    assert.equal(50, #results)
    local stops, cancelled = 0, 0
    for _, result in ipairs(results) do
      assert.is_false(result.ok)
      if result.verdict == "stop" then
        stops = stops + 1
        assert.equal("EAUTH", result.code)
        assert.equal(1, result.token)
      else
        cancelled = cancelled + 1
        assert.equal("cancelled", result.verdict)
        assert.equal("ECANCELLED", result.code)
        assert.is_false(result.sent)
        assert.matches("bad token", result.message, 1, true)
      end
    end
    assert.same({ 1, 49 }, { stops, cancelled })
  end)

  it("goes alone until something succeeds", function()
    local most = 0
    local shop = open({ in_flight = 16 }, function(_, n)
      return { status = n <= 10 and 404 or 200, body = n <= 10 and "{}" or OK }
    end)
    for _ = 1, 30 do shop:submit() end
    while shop.engine:pending() > 0 do
      shop:turn()
      if #shop.requests <= 10 then most = math.max(most, shop.engine:flying()) end
    end
    assert.equal(1, most)
  end)

  it("keeps the order of a lane, one at a time", function()
    local under_way, order = {}, {}
    local shop = open({ in_flight = 32, alone_first = false }, function(request)
      local user, n = request.path:match("/(%a+)/(%d+)")
      assert.is_nil(under_way[user])
      under_way[user] = true
      order[user] = (order[user] or "") .. n
      return nil
    end)
    for n = 1, 9 do
      for _, user in ipairs { "a", "b", "c", "d" } do
        shop:submit { path = "/" .. user .. "/" .. n, lane = user, token = user }
      end
    end
    local got = 0
    while shop.engine:pending() > 0 do
      for _, result in ipairs(shop:turn(0.01)) do
        assert.is_true(result.ok)
        got = got + 1
      end
      local waiting = shop.unanswered
      shop.unanswered = {}
      for _, request in ipairs(waiting) do
        under_way[request.path:match("/(%a+)/")] = nil
        request:reply { body = OK }
      end
    end
    assert.same({ a = "123456789", b = "123456789", c = "123456789", d = "123456789" }, order)
    assert.equal(36, got + #shop.engine:poll(0))
  end)

  it("keeps the order of a lane over retries and failures", function()
    local seen = {}
    local shop = open({ in_flight = 8 }, function(request, n)
      seen[#seen + 1] = request.path
      if n == 2 or n == 3 then return { status = 500, body = "{}" } end
      if request.path == "/3" then return { status = 404, body = "{}" } end
      return ok()
    end)
    for n = 1, 5 do shop:submit { path = "/" .. n, lane = "U1", repeatable = true, token = n } end
    local results = shop:run()
    assert.same({ "/1", "/2", "/2", "/2", "/3", "/4", "/5" }, seen)
    for i, result in ipairs(results) do assert.equal(i, result.token) end
    assert.equal("ENOTFOUND", results[3].code)
  end)

  it("remembers no lane that is over", function()
    local shop = open({ in_flight = 64 })
    for round = 1, 3 do
      for i = 1, 500 do shop:submit { lane = "user " .. i, token = round } end
      assert.equal(500, #shop:run())
    end
  end)

  it("raises on a request that could not be sent", function()
    local shop = open()
    for message, request in pairs {
      ["option 'method' must be GET"] = { method = "get" },
      ["a path begins with '/'"] = { path = "v1" },
      ["percent-encoded ASCII"] = { path = "/a b" },
      ["percent-encoded"] = { path = "/a\r\nX-Injected: 1" },
      ["without spaces and '#'"] = { path = "/a#b" },
      ["fewer than 8192 bytes"] = { path = "/" .. ("x"):rep(8192) },
      ["max_body is 1 to 64 MiB"] = { max_body = 0 },
      ["max_body is 1"] = { max_body = 1 << 40 },
      ["option 'body' must be a string"] = { body = {} },
      ["option 'repeatable' must be a boolean"] = { repeatable = 1 },
    } do
      local fine, said = pcall(shop.submit, shop, request)
      assert.is_false(fine)
      assert.matches(message, said, 1, true)
    end
    assert.equal(0, shop.engine:pending())
    assert.has_error(function() shop.engine:submit { method = "GET" } end,
      "a request needs the option 'path'")
  end)

  it("raises on options that are none, and names the nearest", function()
    assert.error_matches(function() core.engine.new { base = "http://x", in_fligth = 3 } end,
      "an engine has no option 'in_fligth'; did you mean 'in_flight'?", 1, true)
    assert.error_matches(function() core.engine.new { base = "http://x", rate = { per_secnd = 1 } } end,
      "rate has no option 'per_secnd'; did you mean 'per_second'?", 1, true)
    assert.error_matches(function() core.engine.new {} end, "needs the option 'base'", 1, true)
    assert.error_matches(function() core.engine.new { base = "http://x", bearer = "token" } end,
      "option 'bearer' must be a secret", 1, true)
    for _, options in ipairs { { in_flight = 0 }, { in_flight = 257 }, { timeout = 0 }, { timeout = -1 },
      { attempts = 0 }, { backoff = 0 / 0 }, { unreachable_after = 0 }, { codes = { [1] = "nonsense" } } } do
      options.base = "http://x"
      assert.has_error(function() core.engine.new(options) end)
    end
  end)

  it("tells what is wrong with an address", function()
    for _, base in ipairs { "ftp://host", "api.botbonnie.com", "", "unix:socket", "unix:/" .. ("x"):rep(200),
      "http://", "https://user:hunter22@host", "http://host?x=1", "http://host/#a", "http://ho st" } do
      local engine, message, code = core.engine.new { base = base }
      assert.is_nil(engine, base)
      assert.equal("ECONFIG", code)
      assert.not_matches("hunter22", message, 1, true)
    end
  end)

  it("refuses a rate that is none", function()
    local engine, message, code = core.engine.new { base = "http://x", rate = { per_second = 0 } }
    assert.is_nil(engine)
    assert.matches("rate.per_second", message, 1, true)
    assert.equal("ECONFIG", code)
  end)
end)

describe("the engine's poll", function()
  it("returns when its time is up", function()
    local shop = open({}, function() end)
    shop:submit()
    local before = core.system.monotonic_ns()
    assert.same({}, shop.engine:poll(0.05))
    local took = (core.system.monotonic_ns() - before) / 1e9
    assert.is_true(took >= 0.049 and took < 0.5, took)
  end)

  it("does not wait when it is given no time", function()
    local shop = open({}, function() end)
    for _ = 1, 3 do shop:submit() end
    local before = core.system.monotonic_ns()
    for _ = 1, 20 do assert.same({}, shop.engine:poll(0)) end
    assert.is_true(core.system.monotonic_ns() - before < 200000000)
  end)

  it("wakes when another descriptor is readable", function()
    local shop = open()
    local before = core.system.monotonic_ns()
    shop:submit()
    assert.same({}, shop.engine:poll(5, { shop.server:fd() }))
    assert.is_true(core.system.monotonic_ns() - before < 2000000000)
    assert.equal(1, #shop:run())
  end)

  it("wakes when a signal comes", function()
    local code, out = support.shell([[lua5.4 -e '
      local core = require("tagua.core")
      core.system.catch_signals()
      local engine = assert(core.engine.new { base = "http://127.0.0.1:1" })
      os.execute("(sleep 0.2; kill -INT " .. core.system.pid() .. ") &")
      local before = core.system.monotonic_ns()
      assert(#engine:poll(20) == 0)
      print(core.system.monotonic_ns() - before < 5000000000, core.system.interrupted())']])
    assert.equal(0, code)
    assert.matches("true\t1\tint", out, 1, true)
  end)

  it("keeps to a rate finer than a millisecond", function()
    local shop = open({ rate = { per_second = 4000 }, in_flight = 8 })
    for _ = 1, 400 do shop:submit() end
    local before = core.system.monotonic_ns()
    assert.equal(400, #shop:run())
    local took = (core.system.monotonic_ns() - before) / 1e9
    assert.is_true(took >= 399 / 4000, took)
  end)

  it("keeps to the rate", function()
    local shop = open({ rate = { per_second = 50 }, in_flight = 8 })
    for _ = 1, 11 do shop:submit() end
    local before = core.system.monotonic_ns()
    assert.equal(11, #shop:run())
    local took = (core.system.monotonic_ns() - before) / 1e9
    assert.is_true(took >= 0.2 and took < 1, took)
    local stats = shop.engine:stats()
    assert.is_true(stats.waited_seconds > 0.1)
    assert.equal(50, stats.rate)
  end)

  it("keeps a class of endpoints to a rate of its own, and lets the others pass", function()
    local seen = {}
    local shop = open({ rate = { per_second = 1000, classes = { slow = { per_second = 20 } } } },
      function(request) seen[#seen + 1] = request.path; return ok() end)
    for i = 1, 3 do shop:submit { class = "slow", path = "/slow" .. i } end
    for i = 1, 5 do shop:submit { class = "write", path = "/fast" .. i } end
    local before = core.system.monotonic_ns()
    assert.equal(8, #shop:run())
    assert.is_true(core.system.monotonic_ns() - before >= 100000000)
    assert.equal("/slow3", seen[8])
  end)
end)

describe("the engine's credentials", function()
  it("are in the Authorization header, and nowhere for Lua to read", function()
    local token = served.secret("s3cret-bearer")
    local shop = open({ bearer = token })
    assert.is_true(shop:one().ok)
    assert.equal(token:sha256(), shop.requests[1].bearer)
  end)

  it("outlive the secret that Lua closed", function()
    local token = served.secret("s3cret-closed")
    local hash = token:sha256()
    local shop = open({ bearer = token })
    token:close()
    assert.is_true(shop:one().ok)
    assert.equal(hash, shop.requests[1].bearer)
  end)

  it("go into the body where the platform wants them, escaped, as the last field", function()
    local shop = open({ body_secret = { field = "secret", value = served.secret([[a"b\c/d]]) } })
    for body, wanted in pairs {
      ["{}"] = [[{"secret":"a\"b\\c/d"}]],
      ["{ }"] = [[{ "secret":"a\"b\\c/d"}]],
      ['{"a":1}'] = [[{"a":1,"secret":"a\"b\\c/d"}]],
      ['{"secret":"mine"}'] = [[{"secret":"mine","secret":"a\"b\\c/d"}]],
    } do
      shop:one { body = body }
      assert.equal(wanted, shop.requests[#shop.requests].body)
    end
    assert.error_matches(function() shop:submit { body = "[]" } end, "JSON object", 1, true)
    assert.error_matches(function() shop:submit { body = false } end, "JSON object", 1, true)
  end)

  it("are in the body again when it is sent again", function()
    local shop = open({ body_secret = { field = "secret", value = served.secret("again-and-again") } },
      function(_, n) return n < 3 and { status = 500, body = "{}" } or ok() end)
    assert.is_true(shop:one { repeatable = true }.ok)
    assert.equal(3, #shop.requests)
    for _, request in ipairs(shop.requests) do
      assert.equal('{"bot_tag_id":"tag-1","secret":"again-and-again"}', request.body)
    end
  end)

  it("never show, even when the platform sends them back", function()
    local value = "s3cret/echoed+token"
    local token = served.secret(value)
    local replies = {
      { status = 401, body = '{"errorCode":401,"errorMessage":"bad token s3cret\\/echoed+token"}' },
      { status = 400, body = "your token is s3cret/echoed+token" },
      { status = 200, body = "<html>s3cret%2Fechoed%2Btoken" },
      { status = 302, headers = { Location = "http://elsewhere/?t=" .. value }, body = value },
      { status = 500, body = ("x"):rep(113) .. value },
      { status = 403, body = '{"errorCode":"' .. value .. '","errorMessage":"' .. ("y"):rep(290) .. value .. '"}' },
    }
    for _, reply in ipairs(replies) do
      local shop = served.new({ bearer = token, base = nil }, function() return reply end)
      shop:submit { path = "/v1/api/x?t=s3cret%2fechoed%2btoken" }
      shop:submit()
      local shown = {}
      for _, result in ipairs(shop:run()) do
        assert.is_false(result.ok)
        for _, part in pairs(result) do shown[#shown + 1] = tostring(part) end
      end
      shown[#shown + 1] = (shop.engine:stopped()) or ""
      shown[#shown + 1] = tostring(shop.engine)
      local text = table.concat(shown, "\n")
      assert.not_matches("s3cret", text, 1, true)
      assert.not_matches("echoed", text, 1, true)
      assert.matches("[secret]", text, 1, true)
      shop:close()
    end
  end)

  it("stay out of a redirect, which is not followed", function()
    local other = served.new({}, ok)
    finally(function() other:close() end)
    for _, status in ipairs { 301, 302, 303, 307, 308 } do
      local shop = served.new({ bearer = served.secret("s3cret-redirected") }, function()
        return { status = status, headers = { Location = "http://" .. other.server:address() .. "/there" }, body = "" }
      end)
      local result = shop:one()
      assert.equal("stop", result.verdict)
      assert.equal("ECONFIG", result.code)
      assert.matches("/there", result.message, 1, true)
      assert.matches("set the connection's url", result.message, 1, true)
      assert.equal(1, #shop.requests)
      shop:close()
    end
    assert.same({}, other.server:step())
  end)

  it("are named by where they come from when they are refused", function()
    local shop = open({ bearer = assert(core.secret.env("HOME")) },
      function() return { status = 401, body = "{}" } end)
    local result = shop:one()
    assert.equal("EAUTH", result.code)
    assert.matches("environment variable HOME", result.message, 1, true)
    assert.matches("connection 'shop'", result.message, 1, true)
    local message, code = shop.engine:stopped()
    assert.equal("EAUTH", code)
    assert.equal(result.message, message)
  end)
end)

describe("the engine's answers", function()
  it("are judged by what is in them, not by the status alone", function()
    local answers = {
      { '{"errorMessage":"no such user","errorCode":500}', "settle", "EAMBIGUOUS", 500 },
      { '{"errorMessage":"no such tag","errorCode":37011}', "fail", "ENOTFOUND", 37011 },
      { '{"errorMessage":"odd","errorCode":"37011"}', "fail", "ENOTFOUND", 37011 },
      { '{"errorMessage":"odd","errorCode":"E1"}', "fail", "EPLATFORM" },
      { '{"errorMessage":"odd","errorCode":1}', "fail", "EPLATFORM", 1 },
      { '{"res":"ok","status":404}', "fail", "EPLATFORM", 404 },
      { '{"res":"ok"}', "settle", "EAMBIGUOUS" },
      { '[{"status":200}]', "settle", "EAMBIGUOUS" },
      { '"ok"', "settle", "EAMBIGUOUS" },
      { "", "settle", "EAMBIGUOUS" },
      { "<html>502</html>", "settle", "EAMBIGUOUS" },
      { '{"status":200,}', "settle", "EAMBIGUOUS" },
      { '{"status":200', "settle", "EAMBIGUOUS" },
      { '{"status":200,"errorCode":null}', "done" },
      { '{"status":"200"}', "done" },
    }
    local shop = open({ codes = { [37011] = "fail:ENOTFOUND" }, unreachable_after = 1000 },
      function(_, n) return { body = answers[n][1] } end)
    for _, wanted in ipairs(answers) do
      local result = shop:one()
      assert.same({ wanted[2], wanted[3], wanted[4] },
        { result.verdict, result.code, result.platform_code }, wanted[1])
      assert.equal(wanted[1], result.body)
    end
  end)

  it("may have an envelope of another shape", function()
    local answers = {
      { '{"success":true,"message":"done"}', "done" },
      { '{"success":false,"errResponse":{"message":"Token is invalid","code":1004}}', "stop", "EAUTH", 1004 },
    }
    local shop = open({ codes = { [1004] = "refresh" },
      envelope = { success = "success", code = "errResponse.code", message = "errResponse.message" } },
      function(_, n) return { body = answers[n][1] } end)
    for _, wanted in ipairs(answers) do
      local result = shop:one()
      assert.same({ wanted[2], wanted[3], wanted[4] }, { result.verdict, result.code, result.platform_code })
    end
    assert.matches("Token is invalid", (shop.engine:stopped()), 1, true)
  end)

  it("quote the platform's words, on one line, at a bearable length", function()
    local shop = open({}, function()
      return { status = 400, body = '{"errorCode":7,"errorMessage":"' .. "標籤\\n\\u0007" .. ("很長"):rep(400) .. '"}' }
    end)
    local message = shop:one().message
    assert.matches("connection 'shop': POST /v1/api/user/tag: the platform answers 400, code 7: 標籤  很長", message, 1, true)
    assert.is_true(#message < 500)
    assert.truthy(utf8.len(message))
  end)

  it("are cut off at the cap, whatever they promise", function()
    for _, headers in ipairs { {}, { ["X-Any"] = "1" } } do
      local shop = open({}, function() return { headers = headers, body = '{"status":200,"res":"' .. ("x"):rep(5000) .. '"}' } end)
      local result = shop:one { max_body = 4096 }
      assert.equal("settle", result.verdict)
      assert.matches("larger than 4096 bytes", result.message, 1, true)
      assert.is_true(#result.body <= 4096)
      assert.is_true(shop:one { max_body = 6000 }.ok)
    end
  end)

  it("that stay too large are an error of their own where it may be tried again", function()
    local shop = open({ attempts = 2 }, function() return { body = ("x"):rep(5000) } end)
    local result = shop:one { max_body = 100, repeatable = true }
    assert.equal("fail", result.verdict)
    assert.equal("ETOOBIG", result.code)
    assert.equal(2, result.attempts)
  end)
end)

describe("an engine that is closed", function()
  it("says so, and is closed once", function()
    local shop = served.new({}, ok)
    shop.engine:close()
    shop.engine:close()
    assert.error_matches(function() shop:submit() end, "this engine is closed", 1, true)
    assert.error_matches(function() shop.engine:poll(0) end, "this engine is closed", 1, true)
    shop.server:close()
  end)

  it("drops what is queued, what is under way and what was not taken", function()
    local shop = served.new({ in_flight = 8, alone_first = false }, function() end)
    for i = 1, 40 do shop:submit { lane = "U" .. i % 5, token = {} } end
    for _ = 1, 5 do shop:turn(0.01) end
    assert.is_true(shop.engine:flying() > 0)
    shop:close()
  end)

  it("may be collected in the middle of a call", function()
    local shop = served.new({ in_flight = 4, alone_first = false }, function() end)
    for i = 1, 10 do shop:submit { token = i } end
    for _ = 1, 3 do shop:turn(0.01) end
    shop.engine = nil
    collectgarbage()
    collectgarbage()
    shop.server:close()
  end)

  it("may be closed by a finalizer while its results are being built", function()
    local shop = served.new({ in_flight = 32, alone_first = false }, ok)
    for i = 1, 200 do shop:submit { token = { i } } end
    while shop.engine:flying() > 0 or #shop.requests < 200 do
      -- Each turn makes garbage whose finalizer closes the engine some time, in some allocation.
      setmetatable({}, { __gc = function() if #shop.requests > 100 then shop.engine:close() end end })
      local fine, message = pcall(shop.turn, shop, 0.05)
      if not fine then
        assert.matches("closed", message, 1, true)
        break
      end
    end
    shop:close()
  end)
end)
