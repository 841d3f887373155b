-- What connections.lua says of tagua serve: checked before anything listens, each mistake with its line.
local config = require("tagua.config")
local support = require("spec.support")

local function load(text)
  local folder, remove = support.folder()
  finally(remove)
  local path = support.write(folder .. "/connections.lua", text)
  local connections, message, third = config.load(path)
  if not connections then message = message:gsub("^/tmp/[^/]*/", "") end
  return connections, message, third
end

local function complaint(text)
  local connections, message, code = load(text)
  assert.is_nil(connections)
  assert.equal("ECONFIG", code)
  return message
end

local function hooks(text) return ('connection "shop" { platform = "local", hooks = { %s } }'):format(text) end

local HASH = ("0123456789abcdef"):rep(4)

describe("serve in connections.lua", function()
  it("has defaults that only this machine can reach", function()
    local _, _, serve = assert(load(""))
    assert.same({ listen = "127.0.0.1:8090", admin = "127.0.0.1:8091", proxies = {}, most_waiting = 1000000,
      metrics_open = false, secrets = {} }, serve)
  end)

  it("has them where there is no file, too", function()
    assert.equal("127.0.0.1:8090", select(3, config.load(nil)).listen)
  end)

  it("takes every option", function()
    local _, _, serve = assert(load([[
      serve {
        listen = "[::1]:443", admin = "unix:/run/tagua/admin.sock", socket = "/run/tagua/tagua.sock",
        tls = { certificate = file "shop.pem", key = file "shop.key" }, proxies = { "127.0.0.1", "10.0.0.0/8", "::1" },
        most_waiting = 5, admin_token = env "PAGE", metrics_open = true, secrets = { crm = env "CRM" },
      }]]))
    assert.matches("/shop.key$", serve.tls.key)
    assert.same({ "127.0.0.1", "10.0.0.0/8", "::1" }, serve.proxies)
    assert.equal("environment variable CRM", tostring(serve.secrets.crm))
  end)

  it("names the line and the nearest option", function()
    assert.equal("connections.lua:2: serve: unknown option 'lissen' (did you mean 'listen'?)",
      complaint('\nserve { lissen = "127.0.0.1:1" }'))
    assert.matches("option 'tls': unknown option 'cert'", complaint('serve { tls = { cert = "x" } }'), 1, true)
    assert.matches("unknown name 'server' (did you mean 'serve'?)", complaint('server { }'), 1, true)
  end)

  it("refuses an address that is none", function()
    for _, address in ipairs({ "8090", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:65536", "unix:", "http://127.0.0.1:1" }) do
      assert.matches("serve: option 'listen' must be ADDRESS:PORT or unix:/path, got '",
        complaint(('serve { listen = "%s" }'):format(address)), 1, true)
    end
  end)

  it("refuses a proxy that is no address", function()
    for _, value in ipairs({ '"127.0.0.1"', '{ "proxy.example" }', '{ "10.0.0.0/33" }', '{ "10.0.0.0/" }', '{ 1 }', '{ "abc" }' }) do
      assert.matches("option 'proxies' must be a list of addresses", complaint(("serve { proxies = %s }"):format(value)), 1, true)
    end
  end)

  it("is there once, and never holds a secret", function()
    assert.matches("connections.lua:2: serve is there twice", complaint("serve { }\nserve { }"), 1, true)
    assert.matches("serve takes its options", complaint("serve()"), 1, true)
    for _, text in ipairs({ 'serve { admin_token = "s3cr3t" }', 'serve { secrets = { crm = "s3cr3t" } }' }) do
      local message = complaint(text)
      assert.matches('env "NAME"', message, 1, true)
      assert.not_matches("s3cr3t", message, 1, true)
    end
  end)
end)

describe("hooks of a connection", function()
  it("are taken with references to their secrets", function()
    local found = assert(load(hooks(([[line = { secret = env "LINE", forward = "https://api.botbonnie.com/line?bot=1" },
      meta = { secret = env "META", verify_token = env "VERIFY" }, botbonnie = { secret = file "bb" },
      events = { sha256 = "%s" }]]):format(HASH:upper()))))
    local checked = assert(require("tagua.settings").verify("connect", found.shop))
    assert.equal("environment variable LINE", tostring(checked.hooks.line.secret))
    assert.same({ HASH }, checked.hooks.events.sha256)
  end)

  it("name the nearest hook and option, and what is missing", function()
    assert.matches("connection 'shop': option 'hooks': unknown option 'lin' (did you mean 'line'?)",
      complaint(hooks('lin = { secret = env "X" }')), 1, true)
    assert.matches("option 'hooks': option 'line': option 'secret' is missing", complaint(hooks("line = { }")), 1, true)
    assert.matches("option 'verify_token' is missing", complaint(hooks('meta = { secret = env "X" }')), 1, true)
  end)

  it("pass messages on over no open network", function()
    local function forward(url) return hooks(('line = { secret = env "X", forward = "%s" }'):format(url)) end
    assert.matches("would carry people's messages in the clear", complaint(forward("http://bot.example/line")), 1, true)
    assert.matches("must hold no user or password", complaint(forward("https://u:p@bot.example/line")), 1, true)
    assert.is_table(load(forward("http://127.0.0.1:9/line")))
  end)

  it("want hashes, not tokens", function()
    for _, value in ipairs({ '"s3cr3t"', "{ }", "5", ('{ "%s", "s3cr3t" }'):format(HASH) }) do
      local message = complaint(hooks(("events = { sha256 = %s }"):format(value)))
      assert.matches("must be the SHA-256 of a token in 64 hexadecimal digits", message, 1, true)
      assert.not_matches("s3cr3t", message, 1, true)
    end
  end)
end)
