local core = require("tagua.core")
local support = require("spec.support")
local http = require("spec.support.http")

describe("server", function()
  local server

  local function listen(options)
    server = assert(core.server.listen(options or {}))
    return server
  end

  --- Sends one request and lets `handle` answer it.
  local function ask(request, handle, how)
    local text = type(request) == "string" and request or http.text(request)
    local client = http.start(server:address(), text, how)
    http.finish(function()
      for _, taken in ipairs(server:wait(0.01)) do
        handle(taken)
      end
    end, { client })
    return client.answer()
  end

  local function never()
    error("a request came through")
  end

  after_each(function()
    if server then
      server:close()
    end
    server = nil
    collectgarbage()
  end)

  it("shows method, path, query, headers and body, and answers", function()
    listen()
    local seen
    local answer = ask({ method = "DELETE", path = "/v1/api/user/tag?a=1&b=%E5%8F%B0%20x+y%2B&c", body = "{\"a\":1}",
      headers = { ["X-Thing"] = "one" } }, function(request)
      seen = { request.method, request.path, request.query, request.headers, request.body }
      request:reply { status = 201, headers = { ["X-Answer"] = "two" }, body = "done" }
    end)
    assert.same({ "DELETE", "/v1/api/user/tag", { a = "1", b = "台 x y+", c = "" } }, { seen[1], seen[2], seen[3] })
    assert.equal("one", seen[4]["x-thing"])
    assert.equal("{\"a\":1}", seen[5])
    assert.same({ 201, "two", "done" }, { answer.status, answer.headers["x-answer"], answer.body })
  end)

  it("leaves the path encoded, so that an encoded slash is not a slash", function()
    listen()
    local path
    ask({ path = "/tag/a%2Fb%00c" }, function(request)
      path = request.path
      request:reply {}
    end)
    assert.equal("/tag/a%2Fb%00c", path)
  end)

  it("never shows the Authorization header, only the hash of the token", function()
    listen()
    local headers, hash
    ask({ path = "/", token = "secret-token" }, function(request)
      headers, hash = request.headers, request:bearer_sha256()
      request:reply {}
    end)
    assert.is_nil(headers.authorization)
    assert.equal("930bbdc51b6aed5c2a5678fd6e28dee7a05e8a4b643cfc0b4427c3efb86c0d94", hash)
  end)

  it("has no hash where there is no bearer token", function()
    listen()
    for _, value in ipairs { "Basic abc", "Bearer ", "Bearerabc" } do
      local hash = "unset"
      ask({ path = "/", headers = { Authorization = value } }, function(request)
        hash = request:bearer_sha256()
        request:reply {}
      end)
      assert.is_nil(hash)
    end
  end)

  it("joins a header that came twice", function()
    listen()
    local value
    ask("GET / HTTP/1.1\r\nHost: t\r\nX-A: 1\r\nX-a: 2\r\nConnection: close\r\n\r\n", function(request)
      value = request.headers["x-a"]
      request:reply {}
    end)
    assert.equal("1, 2", value)
  end)

  it("answers many clients at once, and all that wait come in one step", function()
    listen()
    local clients, held, most = {}, {}, 0
    for i = 1, 16 do
      clients[i] = http.start(server:address(), http.text { path = "/" .. i })
    end
    http.finish(function()
      for _, request in ipairs(server:wait(0.01)) do
        held[#held + 1] = request
      end
      most = math.max(most, #held)
      while most == 16 and #held > 0 do
        local request = table.remove(held)
        request:reply { body = request.path }
      end
    end, clients)
    assert.equal(16, most)
    for i = 1, 16 do
      assert.equal("/" .. i, clients[i].answer().body)
    end
  end)

  it("keeps a connection for the next request, pipelined ones too", function()
    listen()
    local count = 0
    local text = http.text { path = "/1", keep = true } .. http.text { path = "/2", body = "x", keep = true }
      .. http.text { path = "/3" }
    local answer = ask(text, function(request)
      count = count + 1
      request:reply { body = "answer" .. request.path }
    end)
    assert.equal(3, count)
    local first = answer.raw:find("answer/1", 1, true)
    local last = answer.raw:find("answer/3", 1, true)
    assert.is_true(first < last)
  end)

  it("listens on a Unix socket that only its owner may use, and removes it", function()
    local folder, remove = support.folder()
    finally(remove)
    listen { address = "unix:" .. folder .. "/socket" }
    assert.equal("unix:" .. folder .. "/socket", server:address())
    local _, mode = support.shell("stat -c %a " .. folder .. "/socket")
    assert.equal("600\n", mode)
    local shared = assert(core.server.listen({ address = "unix:" .. folder .. "/shared", group = true }))
    _, mode = support.shell("stat -c %a " .. folder .. "/shared")
    shared:close()
    assert.equal("660\n", mode)
    local answer = ask({ path = "/" }, function(request)
      request:reply { body = "by socket" }
    end)
    assert.equal("by socket", answer.body)
    server:close()
    assert.is_nil(core.system.file_kind(folder .. "/socket"))
  end)

  it("takes over the socket of a dead process, never of a living one, never a file", function()
    local folder, remove = support.folder()
    finally(remove)
    support.shell("perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1)' "
      .. folder .. "/socket")
    assert.equal("other", core.system.file_kind(folder .. "/socket"))
    listen { address = "unix:" .. folder .. "/socket" }
    local none, message, code = core.server.listen { address = "unix:" .. folder .. "/socket" }
    assert.is_nil(none)
    assert.matches("another process is listening", message)
    assert.equal("ENETWORK", code)
    support.write(folder .. "/file", "precious")
    none, message = core.server.listen { address = "unix:" .. folder .. "/file" }
    assert.is_nil(none)
    assert.matches("is not a socket", message)
    assert.equal("precious", support.read(folder .. "/file"))
  end)

  it("names the address that makes no sense, and how to write one", function()
    for _, address in ipairs { "", "8080", ":8080", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:99999", "::1:80", "unix:",
      "unix:/" .. ("x"):rep(200) } do
      local none, message, code = core.server.listen { address = address }
      assert.is_nil(none)
      assert.matches("'" .. address .. "'", message, 1, true)
      assert.equal("EUSAGE", code)
    end
    listen()
    local none, message, code = core.server.listen { address = server:address() }
    assert.is_nil(none)
    assert.matches("in use", message)
    assert.equal("ENETWORK", code)
  end)

  it("refuses options outside their bounds", function()
    assert.has_error(function() core.server.listen { max_body = -1 } end)
    assert.has_error(function() core.server.listen { max_connections = 0 } end)
    assert.has_error(function() core.server.listen { timeout = 0 } end)
    assert.has_error(function() core.server.listen { timeout = 0 / 0 } end)
  end)

  it("sends an answer at once, however long the wait that follows", function()
    listen()
    local client = http.start(server:address(), http.text { path = "/" })
    local requests
    repeat
      requests = server:wait(5)
    until #requests > 0
    requests[1]:reply {}
    local began = core.system.monotonic_ns()
    server:wait(5)
    assert.is_true(core.system.monotonic_ns() - began < 2000000000)
    http.finish(function() server:wait(0.01) end, { client })
  end)

  it("answers later, on its own timer", function()
    listen()
    local began = core.system.monotonic_ns()
    local answer = ask({ path = "/" }, function(request)
      request:reply { body = "late", after = 0.15 }
    end)
    assert.equal("late", answer.body)
    assert.is_true(core.system.monotonic_ns() - began >= 150000000)
  end)

  it("makes its descriptor readable when a late answer is due", function()
    listen()
    local other = assert(core.server.listen {})
    finally(function() other:close() end)
    local client = http.start(server:address(), http.text { path = "/" })
    http.finish(function()
      other:wait(0.5, { server:fd() }) -- only the other's loop waits
      for _, request in ipairs(server:step()) do
        request:reply { body = "late", after = 0.05 }
      end
    end, { client })
    assert.equal("late", client.answer().body)
  end)

  it("closes a connection without an answer, and resets one", function()
    listen()
    local answer = ask({ path = "/" }, function(request) request:reply { drop = true } end)
    assert.equal("", answer.raw)
    answer = ask({ path = "/" }, function(request) request:reply { drop = "reset" } end)
    assert.equal("[reset]", answer.raw)
  end)

  it("sends a body slowly, and cuts one off", function()
    listen()
    local body = ("x"):rep(300)
    local began = core.system.monotonic_ns()
    local answer = ask({ path = "/" }, function(request)
      request:reply { body = body, bytes_per_second = 2000 }
    end)
    assert.equal(body, answer.body)
    assert.is_true(core.system.monotonic_ns() - began >= 140000000)
    answer = ask({ path = "/" }, function(request) request:reply { body = body, cut = 100 } end)
    assert.equal("300", answer.headers["content-length"])
    assert.equal(100, #answer.body)
  end)

  it("answers 500 for a request that nobody answers", function()
    listen()
    local client = http.start(server:address(), http.text { path = "/" })
    http.finish(function()
      server:wait(0.01)
      collectgarbage()
    end, { client })
    assert.equal(500, client.answer().status)
  end)

  it("does not answer twice", function()
    listen()
    ask({ path = "/" }, function(request)
      request:reply {}
      assert.has_error(function() request:reply {} end, "the request was answered")
    end)
  end)

  it("refuses a reply that makes no sense, and the request can still be answered", function()
    listen()
    local answer = ask({ path = "/" }, function(request)
      assert.has_error(function() request:reply { status = 99 } end)
      assert.has_error(function() request:reply { body = 5 } end)
      assert.has_error(function() request:reply { headers = { ["X-A"] = "a\r\nX-B: b" } } end)
      assert.has_error(function() request:reply { after = -1 } end)
      request:reply { body = "fine" }
    end)
    assert.equal("fine", answer.body)
  end)

  it("reads on past a body that is too large, and keeps none of it", function()
    listen { max_body = 1000 }
    local body = "unset"
    local answer = ask({ path = "/", body = ("x"):rep(1001) }, function(request)
      body = request.body
      request:reply { status = 413 }
    end)
    assert.is_nil(body)
    assert.equal(413, answer.status)
    answer = ask({ path = "/", body = ("x"):rep(1000) }, function(request)
      body = request.body
      request:reply {}
    end)
    assert.equal(1000, #body)
    assert.equal(200, answer.status)
  end)

  it("refuses headers that are too large", function()
    listen { max_header = 4096 }
    local answer = ask({ path = "/", headers = { ["X-Long"] = ("x"):rep(10000) } }, never)
    assert.equal(431, answer.status)
  end)

  it("ends a connection that trickles, however busily", function()
    listen { timeout = 0.2 }
    local began = core.system.monotonic_ns()
    local answer = ask({ path = "/" .. ("x"):rep(400) }, never, { piece = 1, pause = 0.01 })
    assert.is_nil(answer.status)
    assert.is_true(core.system.monotonic_ns() - began < 6000000000)
  end)

  it("ends a connection that stands idle after its answer", function()
    listen { timeout = 0.2 }
    local answer = ask({ path = "/", keep = true }, function(request) request:reply { body = "one" } end)
    assert.equal("one", answer.body) -- the client reads to the end of the connection
  end)

  it("does not count the time in which the answer is worked out", function()
    listen { timeout = 0.1 }
    local answer = ask({ path = "/" }, function(request)
      request:reply { body = "late", after = 0.4 }
    end)
    assert.equal("late", answer.body)
  end)

  it("survives what is not HTTP", function()
    listen { timeout = 0.3 }
    for _, text in ipairs { "\0\1\2\3\r\n\r\n", "GET\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: x\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "GET / HTTP/1.1\r\n\r\n", ("x"):rep(100000) } do
      ask(text, never, { linger = "half" })
    end
    assert.equal(200, ask({ path = "/" }, function(request) request:reply {} end).status)
  end)

  it("survives a client that leaves before its answer", function()
    listen()
    local gone
    local client = http.start(server:address(), http.text { path = "/" }, { linger = "leave" })
    for _ = 1, 500 do
      for _, request in ipairs(server:wait(0.01)) do
        gone = request
      end
      if gone and client.done() then
        break
      end
    end
    gone:reply { body = ("x"):rep(1 << 20) }
    assert.equal(200, ask({ path = "/" }, function(request) request:reply {} end).status)
  end)

  it("closes with requests in every state, and they stay safe to touch", function()
    listen()
    local clients = {}
    for i = 1, 4 do
      clients[i] = http.start(server:address(), http.text { path = "/" .. i })
    end
    local held = {}
    for _ = 1, 500 do
      for _, request in ipairs(server:wait(0.01)) do
        held[#held + 1] = request
      end
      if #held == 4 then
        break
      end
    end
    held[1]:reply { body = "sent" }
    held[2]:reply { after = 60 }
    held[3]:reply { body = ("x"):rep(1000), bytes_per_second = 10 }
    server:close()
    server:close()
    assert.is_false(held[4]:reply {})
    assert.has_error(function() server:step() end, "the server is closed")
    http.finish(function() core.system.sleep(0.01) end, clients)
    local sent = 0
    for _, client in ipairs(clients) do
      sent = sent + (client.answer().body == "sent" and 1 or 0)
    end
    assert.equal(1, sent)
  end)
end)
