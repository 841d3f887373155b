-- tagua serve as connections.lua and the rule file say it: TLS, several connections, hooks and replies of the rules.
local await = require("spec.support.command").await
local core = require("tagua.core")
local daemon = require("spec.support.daemon")
local support = require("spec.support")

local function new(given)
  local d = daemon.new(given)
  finally(function() d:close() end)
  return d
end

-- The SHA-1 signature that BotBonnie puts on a body.
local function signed(folder, body, secret)
  local path = support.write(folder .. "/step", body)
  local _, out = support.shell(("openssl dgst -sha1 -hmac %s %s"):format(secret, path))
  return { ["X-Hub-Signature"] = "sha1=" .. out:match("(%x+)%s*$") }
end

describe("tagua serve", function()
  it("speaks TLS with the certificate that is given, and nothing else then", function()
    local d = new({ connections = ([[
      connection "local" { platform = "local", hooks = { events = { sha256 = "%s" } } }
      serve { listen = "HOST:8090", admin = "HOST:8091", tls = { certificate = file "shop.pem", key = file "shop.key" } }
    ]]):format(core.secret.sha256(daemon.TOKEN)) })
    local host = d.place:read("connections.lua"):match("listen = \"([%d.]+)")
    assert.equal(0, (support.shell(("cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
      .. "-subj /CN=shop -addext subjectAltName=IP:%s -keyout shop.key -out shop.pem && chmod 600 shop.key"):format(d.folder, host))))
    d:start()
    assert.matches("^https://", d.said.listen)
    local _, out = support.shell(("curl -s -w '%%{http_code}' --cacert %s/shop.pem %s/events/local -H 'Authorization: Bearer %s' "
      .. "-d '{\"user\":\"U1\",\"type\":\"purchase\",\"amount\":1}'"):format(d.folder, d.said.listen, daemon.TOKEN:gsub("'", "'\\''")))
    assert.matches("200$", out)
    assert.is_true((d:await_tags({ "U1 Buyer" })))
    assert.not_equal(200, (d:curl(d.said.listen:gsub("^https", "http") .. "/events/local", { body = "{}" })))
    assert.equal(0, #d:log("address"), "what is said with TLS is not read on the way")
  end)

  it("does not start with a certificate that it cannot use", function()
    local d = new({ connections = 'serve { listen = "HOST:8090", tls = { certificate = file "no.pem", key = file "no.key" } }' })
    local code, _, err = d.place:run("serve --rules rules.lua")
    assert.equal(2, code)
    assert.matches("no.pem", err, 1, true)
  end)

  it("serves several connections, each for itself", function()
    local hash = core.secret.sha256(daemon.TOKEN)
    local d = new({ connections = ([[
      connection "first" { platform = "local", store = "tagua-local.db", hooks = { events = { sha256 = "%s" } } }
      connection "second" { platform = "local", as = "mantago", store = "second.db", hooks = { events = { sha256 = "%s" } } }
      connection "third" { platform = "local", store = "third.db" }
      serve { listen = "HOST:8090", admin = "HOST:8091" }
    ]]):format(hash, hash) }):start()
    assert.same({ "first", "second" }, d.said.connections)
    local function send(connection)
      return (d:curl(d.said.listen .. "/events/" .. connection, { body = '{"user":"U1","type":"purchase","amount":1}',
        headers = { Authorization = "Bearer " .. daemon.TOKEN } }))
    end
    assert.same({ 200, 200, 404 }, { send("first"), send("second"), send("third") })
    assert.is_true((d:await_tags({ "U1 Buyer" })))
    local tagged = "select tags.name from user_tags join tags on tags.key = user_tags.tag"
    assert.equal("Buyer\n", await(function()
      local found = d.place:sqlite("second.db", tagged)
      return found ~= "" and found
    end))
    assert.equal(1, d:metric('tagua_part_up{connection="second",part="keeper"}'))
    assert.is_nil(core.system.file_kind(d.folder .. "/third.db"))
    assert.equal(0, d:stop())
  end)

  it("serves those that --to names, hooks or not", function()
    local d = new({ connections = [[
      connection "one" { platform = "local", store = "tagua-local.db" }
      connection "two" { platform = "local", store = "two.db", hooks = { line = { secret = env "NOT_ASKED_FOR" } } }
      serve { listen = "HOST:8090", admin = "HOST:8091" }
    ]], arguments = "--to one" }):start()
    assert.same({ "one" }, d.said.connections)
    assert.equal(202, (d:curl("http://tagua/v1/events", { socket = d.folder .. "/tagua.sock",
      body = '{"user":"U1","type":"purchase","amount":1}' })))
    assert.is_true((d:await_tags({ "U1 Buyer" })))
  end)

  it("goes by the hooks and the replies of the rules, also of those that came later", function()
    local function rules(reply, more)
      return daemon.RULES .. ('reply "price" { type = "text", text = "%s" }\n'):format(reply) .. (more or "")
    end
    local HOOK = [[
      hook "orders" { verify = bearer { secret = "%s" },
        event = function(body) return { user = body.buyer, type = "purchase", amount = body.total } end }
    ]]
    local d = new({ rules = rules("300"), connections = [[
      connection "local" { platform = "local", hooks = { botbonnie = { secret = file "line.secret" } } }
      serve { listen = "HOST:8090", admin = "HOST:8091", secrets = { crm = file "crm.secret" } }
    ]] })
    d.place:write("crm.secret", "a-token-of-the-crm\n")
    os.execute("chmod 600 " .. d.folder .. "/crm.secret")
    d:start()
    local step = '{"bot_raw_uid":"U1","bot_id":"bot-local","bot_pid":"local","bot_channel":1}'
    local function ask()
      local _, body = d:curl(d.said.listen .. "/hooks/botbonnie/local/price", { body = step,
        headers = signed(d.folder, step, "the-channel-secret") })
      return body
    end
    local function order(token)
      return (d:curl(d.said.listen .. "/hooks/orders", { body = '{"buyer":"U2","total":5}',
        headers = { Authorization = "Bearer " .. token } }))
    end
    assert.matches('"300"', ask())
    assert.equal(404, order("a-token-of-the-crm"))

    d.place:write("rules.lua", rules("250", HOOK:format("nothing")))
    d.process:signal("HUP")
    assert.is_truthy(await(function() return d:metric("tagua_rules_refused_total") == 1 end))
    assert.matches("the hook 'orders' goes by the secret 'nothing'", d:log("rules")[1].message, 1, true)
    assert.matches('"300"', ask())

    d.place:write("rules.lua", rules("250", HOOK:format("crm")))
    d.process:signal("HUP")
    assert.is_truthy(await(function() return ask():find('"250"') end))
    assert.equal(401, order("somebody"))
    assert.equal(200, order("a-token-of-the-crm"))
    assert.is_true((d:await_tags({ "U2 Buyer" })))
  end)
end)
