local core = require("tagua.core")
local support = require("spec.support")
local http = require("spec.support.http")

-- What reaches a listener that is open to the world, and that other clients do not notice it.
describe("the server under abuse", function()
  local server, folder, remove

  local function listen(options)
    server = assert(core.server.listen(options or {}))
    return server
  end

  local function answer(request)
    if request.bodyless then return request:reply({ status = request.bodyless == "crowded" and 503 or 413 }) end
    request:reply({ body = request.path })
  end

  local function ask_all(texts, handle, how)
    local clients, answers = {}, {}
    for i, text in ipairs(texts) do
      clients[i] = http.start(server:address(), type(text) == "table" and http.text(text) or text, how)
    end
    http.finish(function()
      for _, request in ipairs(server:wait(0.01)) do
        (handle or answer)(request)
      end
    end, clients)
    for i, client in ipairs(clients) do
      answers[i] = client.answer()
    end
    return answers
  end

  local function ask(text, handle, how) return ask_all({ text }, handle, how)[1] end

  -- Runs a command line beside the server -> its exit code and output.
  local function beside(line, handle)
    local out = folder .. "/out" .. core.system.random_hex(4)
    os.execute(("{ %s; echo \"exit $?\"; } >%s.part 2>&1 </dev/null && mv %s.part %s &"):format(line, out, out, out))
    local began = core.system.monotonic_ns()
    while not core.system.file_kind(out) do
      for _, request in ipairs(server:wait(0.01)) do
        (handle or answer)(request)
      end
      assert(core.system.monotonic_ns() - began < 60000000000, "no end of " .. line)
    end
    local text = support.read(out)
    return tonumber(text:match("exit (%d+)\n$")), (text:gsub("exit %d+\n$", ""))
  end

  before_each(function() folder, remove = support.folder() end)

  after_each(function()
    if server then server:close() end
    server = nil
    remove()
    collectgarbage()
  end)

  describe("told a signature", function()
    local KEY = "8c570fa6dd201bb328f1c1eac23a96d8"
    local secret
    local LINE = { header = "X-Line-Signature", encoding = "base64" }
    local META = { header = "X-Hub-Signature-256", prefix = "sha256=" }
    local BOTBONNIE = { header = "X-Hub-Signature", algorithm = "sha1", prefix = "sha1=", prefix_optional = true }

    before_each(function()
      support.write(folder .. "/key", KEY)
      os.execute("chmod 600 " .. folder .. "/key")
      secret = assert(core.secret.file(folder .. "/key"))
    end)
    after_each(function() secret:close() end)

    -- What another program makes of the same bytes.
    local function made(algorithm, body, encoding)
      support.write(folder .. "/body", body)
      local _, out = support.shell(("openssl dgst -%s -hmac %s -binary %s/body | %s"):format(algorithm, KEY, folder,
        encoding == "base64" and "base64 -w0" or "od -An -tx1 | tr -d ' \\n'"))
      return out
    end

    local function verified(how, body, header_lines, chunked)
      local given = {}
      for name, value in pairs(how) do
        given[name] = value
      end
      given.secret = secret
      local seen
      local text = "POST /x HTTP/1.1\r\nHost: t\r\nConnection: close\r\n" .. header_lines
      text = text .. (chunked and ("Transfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n"):format(chunked)
        or ("Content-Length: %d\r\n\r\n%s"):format(#body, body))
      ask(text, function(request)
        seen = request:verify(given)
        request:reply({})
      end)
      return seen
    end

    it("knows LINE's, Meta's and BotBonnie's over the raw bytes", function()
      for _, body in ipairs({ "", '{"events":[]}', ("\0\255\r\n"):rep(50), ("x"):rep(100000) }) do
        assert.is_true(verified(LINE, body, "x-line-signature: " .. made("sha256", body, "base64") .. "\r\n"))
        assert.is_true(verified(META, body, "x-hub-signature-256: sha256=" .. made("sha256", body) .. "\r\n"))
        assert.is_true(verified(BOTBONNIE, body, "X-HUB-SIGNATURE: sha1=" .. made("sha1", body) .. "\r\n"))
        assert.is_true(verified(BOTBONNIE, body, "X-Hub-Signature: " .. made("sha1", body):upper() .. "\r\n"))
      end
      assert.is_true(verified({ header = "X-A", algorithm = "sha512", encoding = "base64", prefix = "v1," }, "b",
        "x-a: v1," .. made("sha512", "b", "base64") .. "\r\n"))
    end)

    it("knows it of a body that comes in chunks", function()
      local sign = "x-line-signature: " .. made("sha256", "abcdef", "base64") .. "\r\n"
      assert.is_true(verified(LINE, "", sign, "3\r\nabc\r\n3\r\ndef\r\n"))
      assert.is_false(verified(LINE, "", sign, "3\r\nabc\r\n3\r\ndeg\r\n"))
    end)

    it("takes no other for it", function()
      local body = '{"events":[]}'
      local right = made("sha256", body, "base64")
      local hex = made("sha256", body)
      for _, header in ipairs({ "", right:sub(1, -2), right .. "=", right:sub(2), right:lower(), hex, right:rep(100),
        made("sha1", body, "base64"), made("sha256", body .. " ", "base64") }) do
        assert.is_false(verified(LINE, body, "x-line-signature: " .. header .. "\r\n"), header)
      end
      assert.is_false(verified(LINE, body, ""))
      assert.is_false(verified(LINE, body, "x-line-signature2: " .. right .. "\r\n"))
      assert.is_false(verified(META, body, "x-hub-signature-256: " .. hex .. "\r\n"))
      assert.is_false(verified(META, body, "x-hub-signature-256: SHA256=" .. hex .. "\r\n"))
      assert.is_false(verified(BOTBONNIE, body, "x-hub-signature: sha256=" .. hex .. "\r\n"))
    end)

    it("refuses when the header came twice, though both be right", function()
      local line = "x-line-signature: " .. made("sha256", "b", "base64") .. "\r\n"
      assert.is_false(verified(LINE, "b", line .. line:upper():gsub(":.*", line:match(":.*"))))
    end)

    it("refuses a body that was not kept", function()
      listen({ max_body = 10 })
      local seen
      local body = ("x"):rep(11)
      ask({ path = "/", body = body, headers = { ["X-Line-Signature"] = made("sha256", body, "base64") } }, function(request)
        seen = request:verify({ secret = secret, header = "x-line-signature", encoding = "base64" })
        request:reply({ status = 413 })
      end)
      assert.is_false(seen)
    end)

    before_each(function() listen() end)
  end)

  it("takes no bearer token where two were given", function()
    listen()
    local hash = "unset"
    ask("GET / HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer one\r\nauthorization: Bearer two\r\nConnection: close\r\n\r\n",
      function(request)
        hash = request:bearer_sha256()
        request:reply({})
      end)
    assert.is_nil(hash)
  end)

  it("shows one header, never the authorization, and none that came twice", function()
    listen()
    local seen
    ask("GET / HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer one\r\nX-A: 1\r\nX-B: 2\r\nx-b: 2\r\nConnection: close\r\n\r\n",
      function(request)
        seen = { request:header("x-a"), request:header("X-B") or "none", request:header("authorization") or "none" }
        request:reply({})
      end)
    assert.same({ "1", "none", "none" }, seen)
  end)

  describe("behind a proxy", function()
    local function from(proxies, header_lines)
      listen({ proxies = proxies })
      local seen
      ask("GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n" .. (header_lines or "") .. "\r\n", function(request)
        seen = request.from
        request:reply({})
      end)
      server:close()
      server = nil
      return seen
    end

    it("believes nobody's header unless told", function()
      assert.equal("127.0.0.1", from(nil, "X-Forwarded-For: 203.0.113.9\r\n"))
      assert.equal("127.0.0.1", from({ "10.0.0.1" }, "X-Forwarded-For: 203.0.113.9\r\n"))
    end)

    it("goes back through the proxies that it knows, and not a step further", function()
      assert.equal("203.0.113.9", from({ "127.0.0.1" }, "X-Forwarded-For: 198.51.100.1, 203.0.113.9\r\n"))
      assert.equal("203.0.113.9", from({ "127.0.0.0/8", "10.0.0.0/8" }, "x-forwarded-for: 6.6.6.6,203.0.113.9 , 10.2.3.4\r\n"))
      assert.equal("2001:db8::7", from({ "127.0.0.1" }, "X-Forwarded-For: 2001:DB8:0::7\r\n"))
      assert.equal("127.0.0.1", from({ "::ffff:127.0.0.1" }))
    end)

    it("takes what is no address for the end of what is known", function()
      assert.equal("127.0.0.1", from({ "127.0.0.1" }, "X-Forwarded-For: <script>\r\n"))
      assert.equal("10.0.0.9", from({ "127.0.0.1", "10.0.0.9" }, "X-Forwarded-For: 203.0.113.9, unknown, 10.0.0.9\r\n"))
      assert.equal("127.0.0.1", from({ "127.0.0.1" }, "X-Forwarded-For: ,,,\r\n"))
      assert.equal("127.0.0.1", from({ "127.0.0.1" }, "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 1.2.3.5\r\n"))
    end)

    it("names a proxy whose address is none", function()
      for _, address in ipairs({ "localhost", "10.0.0.0/33", "10.0.0.0/", "::1/129", "", "1.2.3", "10.0.0.0/8x" }) do
        local none, message, code = core.server.listen({ proxies = { address } })
        assert.is_nil(none)
        assert.matches("'" .. address .. "' is no address", message, 1, true)
        assert.equal("EUSAGE", code)
      end
    end)
  end)

  describe("with a certificate", function()
    local function make(name, options)
      local code, _, err = support.shell(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
        .. "-keyout %s/%s.key -out %s/%s.pem -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 %s"):format(
        folder, name, folder, name, options or ""))
      assert(code == 0, err)
      os.execute(("chmod 640 %s/%s.key"):format(folder, name))
    end

    it("speaks TLS 1.2 and 1.3, and nothing older, and nothing in the clear", function()
      make("a")
      listen({ certificate = folder .. "/a.pem", key = folder .. "/a.key" })
      local url = "https://" .. server:address() .. "/hello"
      local code, out = beside(("curl -sS -m 50 --cacert %s/a.pem --data-binary @%s/a.pem %s"):format(folder, folder, url))
      assert.same({ 0, "/hello" }, { code, out })
      code, out = beside(("curl -sS -m 50 --tls-max 1.2 --cacert %s/a.pem %s"):format(folder, url))
      assert.same({ 0, "/hello" }, { code, out })
      code = beside(("curl -sS -m 50 --tlsv1.0 --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 --cacert %s/a.pem %s"):format(folder, url))
      assert.equal(35, code)
      code, out = beside(("curl -sS -m 50 http://%s/hello"):format(server:address()))
      assert.is_true(code ~= 0, out)
      assert.is_nil(out:find("/hello", 1, true))
      code, out = beside(("curl -sS -m 50 --cacert %s/a.pem %s"):format(folder, url))
      assert.same({ 0, "/hello" }, { code, out })
    end)

    it("closes a client that begins to shake hands and stops, while others are served", function()
      make("a")
      listen({ certificate = folder .. "/a.pem", key = folder .. "/a.key", timeout = 0.5 })
      local client = http.start(server:address(), "\22\3\1\2\0\1\0")
      local code, out = beside(("curl -sS -m 50 --cacert %s/a.pem https://%s/hello"):format(folder, server:address()))
      assert.same({ 0, "/hello" }, { code, out })
      http.finish(function() server:wait(0.01) end, { client })
    end)

    it("says what is wrong with the files", function()
      make("a")
      make("b")
      support.write(folder .. "/none.pem", "nothing\n")
      os.execute(("cp %s/a.key %s/open.key && chmod 644 %s/open.key"):format(folder, folder, folder))
      for _, case in ipairs({
        { "a.pem", "b.key", "cannot use the certificate" },
        { "none.pem", "a.key", "cannot use the certificate" },
        { "a.pem", "none.key", "cannot read the certificate's key" },
        { "a.pem", "open.key", "can be read by everybody" },
        { ".", "a.key", "is no file of PEM" },
      }) do
        local none, message, code = core.server.listen({ certificate = folder .. "/" .. case[1], key = folder .. "/" .. case[2] })
        assert.is_nil(none)
        assert.matches(case[3], message, 1, true)
        assert.equal("ECONFIG", code)
      end
      assert.has_error(function() core.server.listen({ certificate = folder .. "/a.pem" }) end)
    end)
  end)

  describe("flooded", function()
    it("answers 413 at once to a body that it would not read to its end", function()
      listen({ max_body = 1000 })
      local answered = ask("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999\r\n\r\nabc")
      assert.equal(413, answered.status)
      answered = ask("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999999999999999\r\n\r\nabc")
      assert.is_true(answered.status == 413 or answered.status == 400, answered.raw)
    end)

    it("answers 400 where the body's length can be understood in two ways, and reads nothing of it", function()
      listen()
      local seen = 0
      for _, headers in ipairs({ "Content-Length: 5\r\nTransfer-Encoding: chunked", "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: 3\r\nTransfer-Encoding: identity", "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked" }) do
        local answered = ask("POST /a HTTP/1.1\r\nHost: t\r\n" .. headers .. "\r\n\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: t\r\n\r\n",
          function(request)
            seen = seen + 1
            request:reply({})
          end, { linger = "half" })
        assert.equal(400, answered.status, headers)
      end
      assert.equal(0, seen)
    end)

    it("answers 413 to a body that comes in chunks without an end in sight", function()
      listen({ max_body = 1000 })
      local chunk = "400\r\n" .. ("x"):rep(1024) .. "\r\n"
      assert.equal(413, ask("POST / HTTP/1.1\r\nHost: t\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        .. chunk:rep(300) .. "0\r\n\r\n").status)
    end)

    it("answers 431 to a header of a megabyte, and serves others meanwhile", function()
      listen()
      local answers = ask_all({ { path = "/", headers = { ["X-Long"] = ("x"):rep(1 << 20) } }, { path = "/other" },
        "GET /" .. ("x"):rep(1 << 20) .. " HTTP/1.1\r\nHost: t\r\n\r\n" })
      assert.equal("/other", answers[2].body)
      for _, i in ipairs({ 1, 3 }) do
        -- The answer may be lost where the client is still sending when the connection is closed.
        assert.is_true(answers[i].status == 431 or answers[i].status == 414 or answers[i].raw:find("[reset]", 1, true) ~= nil
          or answers[i].raw == "", answers[i].raw:sub(1, 200))
      end
      assert.equal(431, ask({ path = "/", headers = { ["X-Long"] = ("x"):rep(20000) } }).status)
    end)

    it("answers 503 to a body for which the others leave no room, and takes it later", function()
      listen({ max_body = 60000, max_bodies = 100000 })
      local held
      local first = http.start(server:address(), http.text({ path = "/1", body = ("x"):rep(60000) }))
      while not held do
        held = server:wait(0.01)[1]
      end
      assert.equal(60000, server:counts().bodies)
      assert.equal(503, ask({ path = "/2", body = ("x"):rep(50000) }).status)
      assert.equal(200, ask({ path = "/3", body = ("x"):rep(30000) }).status)
      held:reply({ body = "held" })
      http.finish(function() server:wait(0.01) end, { first })
      assert.equal("held", first.answer().body)
      assert.equal(200, ask({ path = "/2", body = ("x"):rep(50000) }).status)
      assert.equal(0, server:counts().bodies)
    end)

    it("closes who trickles a body, and serves others meanwhile", function()
      listen({ timeout = 0.4 })
      local slow = http.start(server:address(), http.text({ path = "/slow", body = ("x"):rep(400) }), { piece = 100, pause = 0.2 })
      assert.equal("/quick", ask({ path = "/quick" }).body)
      http.finish(function() server:wait(0.01) end, { slow })
      assert.is_nil(slow.answer().status)
    end)

    it("gives a body its time, however long the connection was kept before", function()
      listen({ timeout = 0.6 })
      local client = http.start(server:address(), http.text({ path = "/1", keep = true }) .. http.text({ path = "/2", body = "xy" }),
        { piece = #http.text({ path = "/1", keep = true }) + #http.text({ path = "/2", body = "xy" }) - 1, pause = 0.45 })
      http.finish(function()
        for _, request in ipairs(server:wait(0.01)) do
          answer(request)
        end
      end, { client })
      assert.matches("/2$", client.raw())
    end)

    it("closes the idle ones first when connections run out, and answers whoever asks", function()
      listen({ max_connections = 32, timeout = 60 })
      support.write(folder .. "/idle.pl", [[
        use strict; use Socket; my ($port, $many) = @ARGV; my @all;
        for (1 .. $many) {
          socket(my $s, AF_INET, SOCK_STREAM, 0) or die; connect($s, pack_sockaddr_in($port, inet_aton("127.0.0.1"))) or die;
          syswrite($s, "GET / HT") if $_ % 2;
          push @all, $s;
        }
        open(my $f, ">", $ARGV[2]); close $f; sleep 60; ]])
      local port = server:address():match(":(%d+)$")
      local _, pid = support.shell(("perl %s/idle.pl %s 300 %s/there >/dev/null 2>&1 & echo $!"):format(folder, port, folder))
      finally(function() os.execute("kill " .. pid) end)
      local clients = {}
      for i = 1, 20 do
        clients[i] = http.start(server:address(), http.text({ path = "/" .. i }))
      end
      http.finish(function()
        for _, request in ipairs(server:wait(0.01)) do
          answer(request)
        end
      end, clients)
      for i = 1, 20 do
        assert.equal("/" .. i, clients[i].answer().body)
      end
      while not core.system.file_kind(folder .. "/there") do
        server:wait(0.01)
      end
      assert.equal("/last", ask({ path = "/last" }).body)
      local counts = server:counts()
      assert.is_true(counts.evicted >= 250, tostring(counts.evicted))
      assert.is_true(counts.connections <= 32, tostring(counts.connections))
    end)
  end)

  it("knows how many descriptors the process may have, and raises them as far as it may", function()
    local before = core.system.descriptors(0)
    assert.equal(before, core.system.descriptors(1))
    assert.is_true(core.system.descriptors(before + 1) >= before)
  end)
end)
