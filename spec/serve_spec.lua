-- tagua serve, the whole of it: over real sockets, with the real twin behind it.
local await = require("spec.support.command").await
local core = require("tagua.core")
local daemon = require("spec.support.daemon")
local json = require("tagua.json")
local support = require("spec.support")

local function new(given)
  local d = daemon.new(given)
  finally(function() d:close() end)
  return d
end

local function purchases(user, first, last)
  local events = {}
  for i = first, last do events[#events + 1] = { id = user .. i, user = user, type = "purchase", amount = 1 } end
  return events
end

local QUESTION = '{"destination":"U1","events":[{"type":"message","mode":"active","timestamp":1763700000000,'
  .. '"webhookEventId":"01A","deliveryContext":{"isRedelivery":false},"source":{"type":"user","userId":"Uline"},'
  .. '"message":{"id":"1","type":"text","text":"多少錢"}}]}'

describe("tagua serve", function()
  it("says where it listens, for whom and by which rules, and is ready", function()
    local d = new():start()
    assert.matches("^http://127%.[%d.]+:8090$", d.said.listen)
    assert.same({ "local" }, d.said.connections)
    assert.equal("unix:" .. d.folder .. "/tagua.sock", d.said.socket)
    assert.same({ 200, "ready\n" }, { d:admin("/readyz", true) })
    assert.equal(200, (d:admin("/", true)))
    assert.equal(401, (d:admin("/metrics", true)))
    assert.equal(d.said.hash, json.decode(select(2, d:admin("/api/serve"))).rules.hash)
    assert.equal("taking events", d:log("ready")[1].message)
    assert.equal(0, d:stop())
  end)

  it("says the same for people", function()
    local d = new()
    local process = d.place:start("serve --rules rules.lua")
    process:line("page: ")
    assert.matches("^tagua: taking events on http://[%d.]+:8090 and unix:[^\n]*/tagua.sock\n"
      .. "  for local %(local, the twin in tagua%-local.db%)\n  by rules.lua: 3 tags, 1 test passed\n"
      .. "  page: http://[%d.]+:8091/ %(tagua token page tells its token%)\n$", process:file("out"))
  end)

  it("makes a tag out of an event, from LINE and from one's own systems", function()
    local d = new({ rules = daemon.RULES:gsub("fields {", 'fields { asked = any("message", { text = matches "多少錢" }), ')
      .. 'tag "Asked" { when = function(user) return user.asked end }' }):start()
    assert.equal(200, (d:line(QUESTION)))
    assert.equal(200, (d:send(purchases("Ushop", 1, 10))))
    assert.same({ true, { "Uline Asked", "Ushop Buyer", "Ushop Ten" } }, { d:await_tags({ "Uline Asked", "Ushop Buyer", "Ushop Ten" }) })
    assert.equal(401, (d:curl(d.said.listen .. "/hooks/line/local", { body = QUESTION })))
    assert.equal(200, (d:line(QUESTION))) -- again: answered, and nothing comes of it
    assert.is_true(await(function() return (d:metric("tagua_duplicates_total") or 0) > 0 end))
    assert.equal(1, d:metric('tagua_part_up{part="intake"}'))
    assert.equal(3, await(function() return d:metric('tagua_operations_total{connection="local",outcome="done"}') end))
    assert.equal(0, d:stop())
  end)

  it("has a meaning for everything that it counts", function()
    local d = new():start()
    d:send(purchases("U1", 1, 2))
    d:line("{")
    assert.is_true((d:await_tags({ "U1 Buyer" })))
    assert.is_true(await(function() return d:metric('tagua_folded_total{connection="local"}') == 2 end))
    local _, text = d:admin("/metrics")
    assert.not_matches(" untyped\n", text)
    for line in text:gmatch("[^\n]+") do
      assert.is_truthy(line:find("^# HELP tagua_[a-z_]+ .+%.$") or line:find("^# TYPE tagua_[a-z_]+ %l+$")
        or line:find("^tagua_[a-z_]+ [%d.e+-]+$") or line:find('^tagua_[a-z_]+{[%w_]+="[^}]*"} [%d.e+-]+$'), line)
    end
  end)

  it("goes on when a part of it is killed, loses nothing and counts nothing twice", function()
    local d = new():start()
    assert.equal(200, (d:send(purchases("U0", 1, 10)))) -- the tags are there: nobody is killed while they are made,
    assert.is_true((d:await_tags({ "U0 Buyer", "U0 Ten" }))) -- which a person would have to look at
    assert.equal(200, (d:send(purchases("U1", 1, 5))))
    for i, kind in ipairs({ "intake", "keeper", "intake", "keeper" }) do
      local pid = assert(d:part(kind), kind)
      os.execute("kill -9 " .. pid)
      assert.is_truthy(await(function()
        local now = d:part(kind)
        return now and now ~= pid
      end))
      assert.is_truthy(await(function() return (d:admin("/readyz", true)) == 200 end))
      -- the new ones, and all that went before once more
      assert.equal(200, (d:send(purchases("U1", 1, math.min(10, 5 + 2 * i)))))
    end
    local tags = { "U0 Buyer", "U0 Ten", "U1 Buyer", "U1 Ten" }
    assert.same({ true, tags }, { d:await_tags(tags) })
    assert.equal(2, d:metric('tagua_part_restarts_total{part="intake"}'))
    assert.equal(2, d:metric('tagua_part_restarts_total{connection="local",part="keeper"}'))
    local died = 0
    for _, said in ipairs(d:log("part")) do died = died + (said.level == "error" and 1 or 0) end
    assert.equal(4, died)
    assert.equal(0, d:stop())
  end)

  it("notices that a part has died where whoever started it ignores what becomes of children", function()
    local d = new():start("env --ignore-signal=CHLD")
    local pid = assert(d:part("intake"))
    os.execute("kill -9 " .. pid)
    assert.is_truthy(await(function()
      local now = d:part("intake")
      return now and now ~= pid
    end))
    assert.is_truthy(await(function() return (d:admin("/readyz", true)) == 200 end))
    assert.equal(0, d:stop())
  end)

  it("does not start with more replies than its parts can be told of", function()
    local d = new({ rules = [[
      fields { joined = first("follow") }
      tag "New" { when = function(user) return user.joined ~= nil end }
      for i = 1, 600 do reply("step" .. i) { type = "text", text = ("x"):rep(2000) } end
    ]] })
    local code, _, err = d.place:run("serve --rules rules.lua")
    assert.equal(3, code)
    assert.matches("the hooks and replies of the rules are %d+ bytes long together, at most 1048576 are taken", err)
  end)

  it("goes on where it left off after all of it was killed at once", function()
    local d = new():start()
    assert.equal(200, (d:send(purchases("U0", 1, 10)))) -- the tags are there, as above
    assert.is_true((d:await_tags({ "U0 Buyer", "U0 Ten" })))
    assert.equal(200, (d:send(purchases("U1", 1, 10))))
    local parts = { d.process.pid, d:part("intake"), d:part("keeper") }
    os.execute("kill -9 " .. table.concat(parts, " "))
    d.process:wait()
    d:start()
    local tags = { "U0 Buyer", "U0 Ten", "U1 Buyer", "U1 Ten" }
    assert.same({ true, tags }, { d:await_tags(tags) })
  end)

  it("leaves no part behind when its owner is killed", function()
    local d = new():start()
    local parts = { assert(d:part("intake")), assert(d:part("keeper")) }
    d.process:signal("KILL")
    for _, pid in ipairs(parts) do
      assert.is_truthy(await(function()
        local _, state = support.shell("ps -o state= -p " .. pid)
        return state == "" or state:find("Z") ~= nil
      end), pid)
    end
    d:start() -- and nothing of it is in the way
    assert.equal(200, (d:admin("/readyz", true)))
  end)

  it("takes changed rules over when their tests pass, and refuses them otherwise", function()
    local d = new():start()
    assert.equal(200, (d:send(purchases("U1", 1, 2))))
    assert.is_true((d:await_tags({ "U1 Buyer" })))
    d.place:write("rules.lua", (daemon.RULES:gsub("user.purchases > 0", "user.purchases > 1")))
    d.process:signal("HUP")
    assert.is_truthy(await(function() return d:metric("tagua_rules_refused_total") == 1 end))
    assert.equal(1, d:metric("tagua_rules_stale"))
    assert.equal(200, (d:admin("/readyz", true)))
    assert.matches("1 of 1 test failed", json.decode(select(2, d:admin("/api/serve"))).rules.refused.message, 1, true)
    assert.matches("1 of 1 test failed", json.decode(select(2, d:admin("/api/overview"))).state.rules.refused.message, 1, true)
    assert.equal("error", d:log("rules")[1].level)
    assert.equal(200, (d:send(purchases("U2", 1, 1))))
    assert.is_true((d:await_tags({ "U1 Buyer", "U2 Buyer" })), "the old rules go on")

    d.place:write("rules.lua", (daemon.RULES:gsub('"Buyer"', '"Customer"'):gsub("Buyer =", "Customer =")))
    assert.is_truthy(await(function() return d:metric("tagua_rules_reloads_total") == 1 end)) -- without a signal
    assert.equal(0, d:metric("tagua_rules_stale"))
    assert.equal(200, (d:send(purchases("U3", 1, 1))))
    assert.is_truthy(await(function() return table.concat(d:tags(), ","):find("U3 Customer") end))
    assert.equal(0, d:stop())
  end)

  it("says that connections.lua has changed", function()
    local d = new():start()
    d.place:write("connections.lua", 'connection "local" { platform = "local" }')
    assert.is_truthy(await(function() return d:log("configuration")[1] end))
    assert.equal(1, d:metric("tagua_configuration_stale"))
  end)

  it("ends in good order when somebody types Ctrl-C, which all of its parts hear", function()
    local d = new():start("setsid")
    assert.equal(200, (d:send(purchases("U1", 1, 3))))
    os.execute("kill -INT -" .. d.process.pid)
    assert.equal(0, (d.process:wait()))
    assert.same({}, d:log("part"), "nobody left before being told to")
    d:start()
    assert.is_true((d:await_tags({ "U1 Buyer" })))
  end)

  it("ends at once when a second signal comes", function()
    local d = new():start()
    os.execute("kill -STOP " .. d:part("keeper")) -- which cannot finish anything now
    d.process:signal("TERM")
    assert.is_truthy(await(function() return d:log("stopping")[1] end))
    assert.equal(503, (d:admin("/readyz", true)))
    assert.equal(130, (d:stop("TERM")))
    assert.is_nil(d:part("keeper"))
  end)

  it("is started once for a ledger", function()
    local d = new():start()
    local code, _, err = d.place:run("serve --rules rules.lua")
    assert.equal(75, code)
    assert.equal(("tagua: process %s serves the ledger tagua.db already: stop it, or give another ledger with --ledger\n")
      :format(d.process.pid), err)
  end)
end)

describe("the start of tagua serve", function()
  local function refused(given, environment)
    local d = new(given)
    local code, out, err = d.place:run("serve --rules rules.lua " .. (given.arguments or ""), environment)
    assert.equal("", out)
    return code, err:gsub("^tagua: ", "")
  end

  it("ends with the rules' own message", function()
    local code, err = refused({ rules = "tag 'x' {" })
    assert.equal(3, code)
    assert.matches("^rules.lua:1: ", err)
    code, err = refused({ rules = daemon.RULES:gsub("Buyer = true", "Buyer = false") })
    assert.equal(3, code)
    assert.matches("1 of 1 test failed; the first: 'a purchase' (line 6): Buyer: expected false, got true", err, 1, true)
  end)

  it("ends with what is wrong in a part, instead of trying it again", function()
    local code, err = refused({ connections = 'connection "local" { platform = "local", '
      .. 'hooks = { line = { secret = env "NOTHING" } } }' })
    assert.equal(2, code)
    assert.matches("NOTHING", err, 1, true)
    code, err = refused({ connections = 'connection "shop" { platform = "botbonnie", bot = "b", page = "p", '
      .. 'channel = "line", token = env "NOTHING" }' })
    assert.equal(2, code)
    assert.matches("NOTHING", err, 1, true)
  end)

  it("ends where somebody else listens", function()
    local server = assert(core.server.listen({ address = "127.0.0.1:0" }))
    finally(function() server:close() end)
    local d = daemon.new({ connections = ('serve { listen = "%s", admin = "HOST:8091" }'):format(server:address()) })
    local _, _, err = d.place:run("serve --rules rules.lua")
    d:close()
    assert.matches(server:address(), err, 1, true)
  end)

  it("wants to know which connections are meant, where several are and none has hooks", function()
    local connections = 'connection "%s" { platform = "botbonnie", bot = "b", page = "p", channel = "line", '
      .. 'token = env "T" }\n'
    local code, err = refused({ connections = connections:format("one") .. connections:format("two") })
    assert.equal(2, code)
    assert.equal("no connection of connections.lua has hooks: name with --to which of one, two to serve\n", err)
    code, err = refused({ connections = "", arguments = "--to shpo" })
    assert.equal(2, code)
    assert.matches("unknown connection 'shpo'", err, 1, true)
  end)
end)
