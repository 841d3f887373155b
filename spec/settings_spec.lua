local secrets = require("tagua.secrets")
local settings = require("tagua.settings")

local function shop(changes)
  local given = {
    platform = "botbonnie",
    bot = "bot-1",
    page = "audi",
    channel = "line",
    token = secrets.env("BOTBONNIE_TOKEN"),
  }
  for name, value in pairs(changes or {}) do
    given[name] = value
  end
  return settings.verify("connect", given)
end

local function complaint(changes)
  local checked, message = shop(changes)
  assert.is_nil(checked)
  return message
end

describe("the settings of a connection", function()
  it("have documented defaults", function()
    local checked = assert(shop())
    assert.equal(16, checked.in_flight)
    assert.equal(30, checked.timeout)
    assert.equal(600, checked.give_up_after)
    assert.equal("botbonnie", checked.name)
    assert.equal(5, checked.rate.per_second)
    assert.equal(5, shop({ rate = { adaptive = true } }).rate.per_second)
    assert.equal("https://proxy.example/x", shop({ url = "https://proxy.example/x/" }).url)
  end)

  it("quarantine a lost request for the total deadline unless told", function()
    assert.equal(45, shop({ timeout = 45 }).quarantine)
    assert.equal(2, shop({ timeout = 45, quarantine = 2 }).quarantine)
    assert.equal(0, shop({ quarantine = 0 }).quarantine)
  end)

  it("let the address be this machine, a Unix socket or https", function()
    for _, url in ipairs({
      "http://127.0.0.1:8080", "http://127.0.0.1", "http://localhost:1", "http://[::1]:9", "unix:/tmp/x.sock",
      "https://proxy.example/botbonnie",
    }) do
      assert.is_table(shop({ url = url }), url)
    end
  end)

  it("refuse to carry the token in the clear over a network, unless told to", function()
    for _, host in ipairs({ "twin.example", "10.0.0.1:80", "127.0.0.1.example.com", "localhost.example", "[::2]" }) do
      assert.matches("in the clear", complaint({ url = "http://" .. host }), 1, true)
    end
    assert.is_table(shop({ url = "http://twin.example", insecure_http = true }))
  end)

  it("refuse an address that cannot be one", function()
    local impossible = { "ftp://x", "api.botbonnie.com", "https://u:p@host", "https://host/?q=1", "unix:", "http://" }
    for _, url in ipairs(impossible) do
      assert.matches("option 'url'", complaint({ url = url }), 1, true)
    end
  end)

  it("check the rate inside", function()
    assert.matches("option 'rate': unknown option 'persecond'", complaint({ rate = { persecond = 1 } }), 1, true)
    assert.matches("must be more than 0", complaint({ rate = { per_second = 0 } }), 1, true)
    assert.matches("'burst' must be 1 to", complaint({ rate = { burst = 0 } }), 1, true)
    assert.is_table(shop({ rate = { adaptive = true, at_most = 50 } }))
  end)

  it("keep the number in flight from 1 to 256", function()
    assert.matches("must be 1 to 256", complaint({ in_flight = 257 }), 1, true)
  end)

  it("never quote a token that was written out", function()
    assert.not_matches("s3cr3t", complaint({ token = "s3cr3t" }), 1, true)
    assert.not_matches("12345", complaint({ token = 12345 }), 1, true)
  end)

  it("make up an account for the local connection, and refuse it an address", function()
    local checked = assert(settings.verify("connect", { platform = "local" }))
    assert.is_true(checked.is_local)
    assert.equal("botbonnie", checked.vendor.name)
    assert.equal("tagua-local.db", checked.store)
    assert.equal("bot-local", checked.identity.bot)
    local _, message = settings.verify("connect", { platform = "local", url = "http://127.0.0.1:1" })
    assert.matches("inside the process", message, 1, true)
    _, message = settings.verify("connect", { platform = "local", token = secrets.env("X") })
    assert.matches("unknown option 'token'", message, 1, true)
  end)

  it("refuse a name that cannot follow an @", function()
    assert.matches("option 'name'", complaint({ name = "my shop" }), 1, true)
    assert.matches("option 'name'", complaint({ name = "a/b" }), 1, true)
    assert.equal("商店", shop({ name = "商店" }).name)
  end)

  it("take hours, a zone, prices and guards", function()
    local checked = assert(shop({ hours = "10:00-21:00", message_cost = { ["VIP"] = 0.2 }, guards = { growth = false } }))
    assert.equal("Asia/Taipei", checked.zone)
    assert.matches("option 'hours' must be hours such as '10:00-21:00', got '10-21'", complaint({ hours = "10-21" }), 1, true)
    assert.matches("option 'zone' must be a time zone: ", complaint({ zone = "Asia/Taipeh" }), 1, true)
    assert.matches("'message_cost' has to be a number from 0 for 'VIP', got -1", complaint({ message_cost = { VIP = -1 } }), 1, true)
    assert.matches("unknown option 'max_minute'", complaint({ guards = { max_minute = 1 } }), 1, true)
  end)
end)
