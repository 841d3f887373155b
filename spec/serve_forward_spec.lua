local cases = require("spec.support.hooks")
local core = require("tagua.core")
local forward = require("tagua.serve.forward")
local http = require("spec.support.http")

local FOLLOW = '{"destination":"U0","events":[{"type":"follow","timestamp":1700000000000,"mode":"active",'
  .. '"webhookEventId":"01FZ74A0TDDPYRVKNK77XKC3ZR","source":{"type":"user","userId":"U1"}}]}'

describe("a webhook that is passed on", function()
  local place, platform, received

  -- The bot platform, which had LINE's address before.
  local function listen(options)
    received = {}
    platform = assert(core.server.listen(options or {}))
    return "http://" .. platform:address() .. "/line/webhook?bot=1"
  end

  local function serve(answer)
    for _, request in ipairs(platform:step()) do
      received[#received + 1] = { method = request.method, path = request.path, query = request.query, headers = request.headers,
        body = request.body, bearer = request:bearer_sha256() }
      if answer then answer(request, #received) else request:reply({}) end
    end
  end

  -- Sends requests to the intake while the platform answers as told.
  local function ask(requests, answer)
    local clients, answers = {}, {}
    for i, request in ipairs(requests) do
      clients[i] = http.start(place.taker:address(), http.text(request))
    end
    http.finish(function()
      place.taker:wait(0.005)
      serve(answer)
    end, clients)
    for i, client in ipairs(clients) do
      answers[i] = client.answer()
    end
    return answers
  end

  -- Works until nothing is left to pass on.
  local function finish(answer)
    local began = core.system.monotonic_ns()
    while place.taker.forward:pending() > 0 do
      place.taker:wait(0.005)
      serve(answer)
      assert(core.system.monotonic_ns() - began < 20000000000, "it is never passed on")
    end
  end

  local function metric(name) return place.taker:metrics()[name] or 0 end

  before_each(function() place = cases.place() end)
  after_each(function()
    place:close()
    if platform then platform:close() end
    platform = nil
  end)

  it("arrives as it came, with its signature and type, and nothing of ours", function()
    place:open({ forward = listen() })
    local request = place:from_line(FOLLOW)
    assert.equal(200, ask({ request })[1].status)
    finish()
    local got = received[1]
    assert.same({ "POST", "/line/webhook", "1", FOLLOW }, { got.method, got.path, got.query.bot, got.body })
    assert.equal(request.headers["x-line-signature"], got.headers["x-line-signature"])
    assert.equal("application/json", got.headers["content-type"])
    assert.is_nil(got.bearer)
    local names = {}
    for name in pairs(got.headers) do
      names[#names + 1] = name
    end
    table.sort(names)
    assert.same({ "accept", "content-length", "content-type", "host", "x-line-signature" }, names)
    assert.equal(1, metric('tagua_forwards_total{outcome="done"}'))
  end)

  it("arrives when the disk fails, and when too much waits", function()
    local box = { take = function() return nil, "disk full", "EDISK" end,
      last = function() return { shop = { events = 9 } } end }
    place:open({ forward = listen(), inbox = box })
    assert.equal(503, ask({ place:from_line(FOLLOW) })[1].status)
    finish()
    assert.equal(1, #received)
    place.taker:close()
    place:open({ forward = "http://" .. platform:address() .. "/", inbox = box, most_waiting = 5, settled = function() return {} end })
    assert.equal(503, ask({ place:from_line(FOLLOW) })[1].status)
    finish()
    assert.same({ 2, "/" }, { #received, received[2].path })
  end)

  it("arrives when it can't be read here, and not when it is not signed", function()
    place:open({ forward = listen() })
    assert.equal(400, ask({ place:from_line("[]x") })[1].status)
    assert.equal(401, ask({ { path = "/hooks/line/shop", body = FOLLOW } })[1].status)
    finish()
    assert.same({ 1, "[]x" }, { #received, received[1].body })
  end)

  it("keeps LINE's answer waiting for nobody", function()
    place:open({ forward = listen() })
    local held = {}
    local answers = ask({ place:from_line(FOLLOW), place:from_line(FOLLOW .. " ") }, function(request) held[#held + 1] = request end)
    assert.same({ 200, 200 }, { answers[1].status, answers[2].status })
    assert.equal(2, metric("tagua_forwards_waiting"))
    for _ = 1, 200 do
      if #held == 2 then break end
      place.taker:wait(0.01)
      serve(function(request) held[#held + 1] = request end)
    end
    held[1]:reply({})
    held[2]:reply({ status = 500 })
    finish()
    assert.equal(1, metric('tagua_forwards_total{outcome="failed"}'))
    local line = place.lines[#place.lines]
    assert.same({ "forward", 500, "shop", "http://" .. platform:address() }, { line.event, line.status, line.connection, line.to })
    assert.is_nil(line.message:find("bot=1", 1, true))
  end)

  it("says why it did not arrive, and LINE is answered all the same", function()
    local address = listen()
    platform:close()
    platform = nil
    place:open({ forward = address })
    assert.equal(200, place:ask(place:from_line(FOLLOW)).status)
    for _ = 1, 300 do
      if place.taker.forward:pending() == 0 then break end
      place.taker:wait(0.01)
    end
    assert.equal(1, metric('tagua_forwards_total{outcome="failed"}'))
    assert.matches("was not passed on: .*connect", place.lines[1].message:lower())
    assert.equal(1, #place:kept())
  end)

  it("is sent once, though the connection that was kept closes before the answer", function()
    place:open({ forward = listen() })
    local seen = 0
    for i = 1, 6 do
      ask({ place:from_line(FOLLOW .. (" "):rep(i)) }, function(request)
        seen = seen + 1
        request:reply(seen % 2 == 0 and { drop = true } or {})
      end)
      finish(function(request)
        seen = seen + 1
        request:reply(seen % 2 == 0 and { drop = true } or {})
      end)
    end
    assert.equal(6, #received)
    assert.same({ 3, 3 }, { metric('tagua_forwards_total{outcome="done"}'), metric('tagua_forwards_total{outcome="failed"}') })
  end)

  it("waits in a line that has an end", function()
    local counts, lines = {}, {}
    local f = forward.open({ waiting = 3, connections = 1, bytes = 1000, count = function(o) counts[o] = (counts[o] or 0) + 1 end,
      log = { seldom = function(_, _, _, message) lines[#lines + 1] = message end } })
    finally(function() f:close() end)
    local url = listen()
    for _ = 1, 5 do
      f:send(url, { body = "x", headers = { ["Content-Type"] = "text/plain" } })
    end
    assert.same({ dropped = 2 }, counts)
    assert.matches("too many wait", lines[1])
    assert.is_false(f:send(url .. "2", { body = ("x"):rep(1001) }))
    assert.is_false(f:send(url, { body = "x", headers = { ["X-A"] = "1\r\nX-B: 2" } }))
    local began = core.system.monotonic_ns()
    while f:pending() > 0 do
      f:step()
      serve()
      assert(core.system.monotonic_ns() - began < 20000000000)
    end
    assert.same({ 3, "text/plain" }, { counts.done, received[1].headers["content-type"] })
    assert.equal(3, #received)
  end)

  it("waits in a line that holds no more bytes than it may while nobody answers", function()
    local gone = assert(core.server.listen({}))
    local port = gone:address():match("%d+$")
    gone:close()
    local f = assert(core.forward.open({ base = "http://localhost:" .. port, connections = 1, waiting = 100, bytes = 1000 }))
    finally(function() f:close() end)
    local body = ("x"):rep(900)
    assert.is_true(f:send(1, body, {}))
    assert(f:step()) -- which takes it out of the line; it comes back, for nothing of it has left
    assert.is_true(f:send(2, body, {}))
    local over
    local began = core.system.monotonic_ns()
    repeat
      over = assert(f:step())
      if not over[1] then assert.is_false(f:send(3, body, {})) end
      assert(core.system.monotonic_ns() - began < 20000000000)
    until over[1]
    assert.same({ 1, false }, { over[1].number, over[1].done })
  end)

  it("has its time, and no more", function()
    local counts, lines = {}, {}
    local f = forward.open({ timeout = 0.2, count = function(o) counts[o] = (counts[o] or 0) + 1 end,
      log = { seldom = function(_, _, _, message) lines[#lines + 1] = message end } })
    finally(function() f:close() end)
    f:send(listen(), { body = "x" })
    local held = {}
    local began = core.system.monotonic_ns()
    while f:pending() > 0 do
      f:step()
      for _, request in ipairs(platform:wait(0.01)) do
        held[#held + 1] = request
      end
      assert(core.system.monotonic_ns() - began < 20000000000)
    end
    assert.is_true(#held <= 1)
    assert.same({ failed = 1 }, counts)
    assert.matches("imed", lines[1])
  end)

  it("is passed on before the intake ends", function()
    place:open({ forward = listen() })
    local client = http.start(place.taker:address(), http.text(place:from_line(FOLLOW)))
    http.finish(function() place.taker:wait(0.005) end, { client })
    -- The platform answers only now, in another process's time: here, between two waits of the drain.
    local wait = place.taker.wait
    function place.taker.wait(self, seconds)
      serve()
      return wait(self, math.min(seconds, 0.01))
    end
    place.taker:drain(10)
    assert.equal(0, place.taker.forward:pending())
    assert.equal(1, #received)
  end)
end)
