local core = require("tagua.core")
local http = require("spec.support.http")
local intake = require("tagua.serve.intake")
local json = require("tagua.json")
local log = require("tagua.serve.log")
local support = require("spec.support")

describe("the intake", function()
  local taker, lines, box

  -- An inbox that can be told to fail, for what only a failing one shows.
  local function inbox()
    box = { taken = {}, events = 0 }
    function box.take(_, all)
      if box.failure then return nil, box.failure, box.code or "EDISK" end
      if box.poison then
        for _, event in ipairs(all.events) do
          if event.user == box.poison then return nil, "no such user can be kept", "ESQL" end
        end
      end
      box.taken[#box.taken + 1] = all
      local numbers = {}
      for i = 1, #all.wishes do
        numbers[i] = box.events + i
      end
      box.events = box.events + #all.events
      return { events = #all.events, duplicates = 0, wishes = numbers }
    end
    function box.last() return { shop = { events = box.events, raws = 0 } } end
    return box
  end

  local function open(given)
    lines = {}
    given = given or {}
    given.address = given.address or "127.0.0.1:0"
    given.inbox = given.inbox or inbox()
    given.log = log.open({ write = function(line) lines[#lines + 1] = json.decode(line) end })
    taker = assert(intake.open(given))
    taker:route("http", "POST", "/take/*", function(call)
      return {
        connection = "shop",
        events = { { connection = "shop", source = "events", user = call.request.body, type = "t", at = 1, fields = {} } },
        reply = { status = 200, body = call.parts[1] },
      }
    end)
    return taker
  end

  local function ask(requests, together)
    local clients, answers = {}, {}
    for i, request in ipairs(requests) do
      clients[i] = http.start(request.address or taker:address(), type(request) == "string" and request
        or request.text or http.text(request))
    end
    if together then core.system.sleep(0.5) end
    http.finish(function() taker:wait(0.01) end, clients)
    for i, client in ipairs(clients) do
      answers[i] = client.answer()
    end
    return answers
  end

  local function status_of(request) return ask({ request })[1].status end

  after_each(function()
    if taker then taker:close() end
    taker = nil
  end)

  it("answers what nobody has a route for", function()
    open()
    assert.equal(404, status_of({ path = "/" }))
    assert.equal(404, status_of({ path = "/take" }))
    assert.equal(404, status_of({ path = "/take/a/b", body = "x" }))
    assert.equal(404, status_of({ path = "/take/a/", body = "x" }))
    assert.equal(404, status_of({ path = "/take//a", body = "x" }))
    local answer = ask({ { path = "/take/a" } })[1]
    assert.same({ 405, "POST" }, { answer.status, answer.headers.allow })
    assert.matches('"error":"this path takes POST"', answer.body)
  end)

  it("lets no path climb or hide a slash", function()
    open()
    for _, path in ipairs({ "/take/..", "/take/.", "/take/%2e%2e", "/take/a%2fb", "/take/../take/a", "/take/a%00", "/take/%FF",
      "/handlers", "/handlers/POST", "/%68andlers/POST", "/take/x/%68andlers", "/take/x/%68andlers/POST",
      "/take/x/%68andlers/POST/x", "/take/%2e%2e%2fetc%2fpasswd" }) do
      assert.equal(404, status_of({ path = path, body = "x" }), path)
    end
    assert.equal("台", ask({ { path = "/take/%E5%8F%B0", body = "x" } })[1].body)
    assert.equal("handlers", ask({ { path = "/take/handlers", body = "x" } })[1].body)
    assert.equal(2, #box.taken)
  end)

  it("writes all that waits in one transaction, and answers each", function()
    open()
    local requests = {}
    for i = 1, 12 do
      requests[i] = { path = "/take/" .. i, body = "U" .. i }
    end
    for i, answer in ipairs(ask(requests, true)) do
      assert.same({ 200, tostring(i) }, { answer.status, answer.body })
    end
    assert.equal(1, taker:stats().commits)
    assert.equal(12, taker:stats().events)
  end)

  it("answers 503 and says when to come again while the disk fails", function()
    open()
    box.failure = "disk I/O error"
    local answer = ask({ { path = "/take/1", body = "U1" } })[1]
    assert.same({ 503, "5" }, { answer.status, answer.headers["retry-after"] })
    assert.same({ "commit", "disk I/O error", "EDISK" }, { lines[1].event, lines[1].message, lines[1].code })
    box.failure = nil
    assert.equal(200, status_of({ path = "/take/1", body = "U1" }))
  end)

  it("asks the disk once for all who wait, where it is the disk that fails", function()
    open()
    local asked = 0
    function box.take()
      asked = asked + 1
      return nil, "the file is locked", "ELOCKED"
    end
    for _, answer in ipairs(ask({ { path = "/take/1", body = "U1" }, { path = "/take/2", body = "U2" } }, true)) do
      assert.equal(503, answer.status)
    end
    assert.equal(1, asked)
  end)

  it("lets one request that spoils the transaction fail alone", function()
    open()
    box.poison = "U2"
    local answers = ask({ { path = "/take/1", body = "U1" }, { path = "/take/2", body = "U2" },
      { path = "/take/3", body = "U3" } }, true)
    assert.same({ 200, 503, 200 }, { answers[1].status, answers[2].status, answers[3].status })
    assert.equal(2, taker:stats().events)
  end)

  it("answers 503 when more waits for the keeper than was allowed, until it is worked off", function()
    local settled = 0
    local now = 1000
    open({ most_waiting = 2, settled = function() return { shop = settled } end, now = function() return now end })
    assert.equal(200, status_of({ path = "/take/1", body = "U1" }))
    assert.equal(200, status_of({ path = "/take/1", body = "U2" }))
    now = now + 500
    local answer = ask({ { path = "/take/1", body = "U3" } })[1]
    assert.same({ 503, "5" }, { answer.status, answer.headers["retry-after"] })
    assert.equal("full", lines[1].event)
    settled, now = 1, now + 500
    assert.equal(200, status_of({ path = "/take/1", body = "U3" }))
  end)

  it("counts no body that the rules have refused among what waits", function()
    local heard = 0
    local now = 1000
    open({ most_waiting = 3, settled = function() return { shop = 2 }, { shop = heard } end, now = function() return now end })
    function box.last() return { shop = { events = 2, raws = 9, unparsed = 8, asked = 0 } } end
    assert.equal(503, status_of({ path = "/take/1", body = "U1" }))
    heard, now = 7, now + 500
    assert.equal(200, status_of({ path = "/take/1", body = "U1" }))
    heard, now = 6, now + 500
    assert.equal(503, status_of({ path = "/take/1", body = "U1" }))
    heard, now = 100, now + 500 -- of another file of events
    assert.equal(200, status_of({ path = "/take/1", body = "U1" }))
  end)

  it("gives each request the numbers of its own wishes, over the Unix socket", function()
    local folder, remove = support.folder()
    finally(remove)
    open({ socket = folder .. "/s" })
    taker:route("socket", "POST", "/v1/tag", function(call)
      local wishes = {}
      for user in call.request.body:gmatch("%S+") do
        wishes[#wishes + 1] = { connection = "shop", action = "tag", user = user, tag = "VIP" }
      end
      return { wishes = wishes, reply = function(result) return intake.json(200, { numbers = result.wishes }) end }
    end)
    local answers = ask({ { address = "unix:" .. folder .. "/s", path = "/v1/tag", body = "U1 U2" },
      { address = "unix:" .. folder .. "/s", path = "/v1/tag", body = "U3" } }, true)
    assert.equal(2, #json.decode(answers[1].body).numbers)
    assert.equal(1, #json.decode(answers[2].body).numbers)
    assert.equal(404, status_of({ path = "/v1/tag", body = "U1" }))
    assert.equal(404, status_of({ address = "unix:" .. folder .. "/s", path = "/take/1", body = "U1" }))
  end)

  it("ends in good order: answers who has asked, tells them to go, and lets nobody in any more", function()
    open()
    local address = taker:address()
    local client = http.start(address, http.text({ path = "/take/1", body = "U1", keep = true }))
    core.system.sleep(0.5)
    taker:drain(10)
    http.finish(function() taker:wait(0.01) end, { client })
    local answer = client.answer()
    assert.same({ 200, "close", "1" }, { answer.status, answer.headers.connection, answer.body })
    local late = http.start(address, http.text({ path = "/take/2", body = "U2" }))
    http.finish(function() taker:wait(0.01) end, { late })
    assert.equal("[refused]", late.raw())
    assert.equal(1, taker:stats().events)
  end)

  it("goes on when a route raises", function()
    open()
    taker:route("http", "GET", "/broken", function() error("a mistake") end)
    assert.equal(500, status_of({ path = "/broken" }))
    assert.matches("a mistake", lines[1].message)
    assert.equal(200, status_of({ path = "/take/1", body = "U1" }))
  end)
end)
