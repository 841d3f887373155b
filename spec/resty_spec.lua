-- tagua.resty, in a real nginx with its Lua module. The step `openresty` of make check runs this; what needs no nginx
-- is looked at everywhere.
local core = require("tagua.core")
local http = require("spec.support.http")
local nginx = require("spec.support.nginx")
local support = require("spec.support")

describe("tagua.resty", function()
  it("says so where there is no ngx", function()
    local shop, message, code = require("tagua.resty").new({ socket = "/run/tagua.sock" })
    assert.is_nil(shop)
    assert.matches("works inside OpenResty, or nginx with its Lua module, alone", message, 1, true)
    assert.equal("EUNSUPPORTED", code)
  end)

  it("raises at the caller's line where it is misused", function()
    local resty = require("tagua.resty")
    for message, options in pairs({
      ["options must be a table, got nil"] = false,
      ["option 'socket' must be a whole path"] = { socket = "tagua.sock" },
      ["unknown option 'sokcet'"] = { sokcet = "/x" },
      ["option 'timeout' must be a number, got string"] = { socket = "/x", timeout = "2" },
      ["option 'timeout' must be more than 0"] = { socket = "/x", timeout = 0 },
    }) do
      local ok, problem = pcall(function() local made = resty.new(options or nil) return made end)
      assert.is_false(ok)
      assert.matches("^spec/resty_spec.lua:%d+: tagua.resty.new: ", problem)
      assert.matches(message, problem, 1, true)
    end
  end)

  it("is Lua 5.1, which LuaJIT speaks", function()
    local text = support.read("lua/tagua/resty.lua"):gsub("%-%-[^\n]*", "")
    for _, sign in ipairs({ "//", "<const>", "<close>", "goto ", "utf8%.", "math%.type", "table%.unpack", "string%.pack" }) do
      assert.is_nil(text:find(sign), sign)
    end
  end)
end)

if not nginx.tree then
  describe("tagua.resty in nginx", function()
    it("hands operations over", function() pending("runs in the step openresty of make check") end)
  end)
  return
end

describe("tagua.resty in nginx", function()
  local inboxes = require("tagua.events.inbox")
  local intakes = require("tagua.serve.intake")
  local socket = require("tagua.serve.socket")
  local folder, remove, box, taker, address, stop

  local function listen()
    taker = assert(intakes.open({ socket = folder .. "/tagua.sock", inbox = box,
      log = require("tagua.serve.log").open({ write = function() end }) }))
    socket.add(taker, { connections = { "shop" }, ledger = folder .. "/tagua.db" })
  end

  -- A site whose /do runs the code in its place, with a sender `shop`.
  local function start(code, phase)
    address, stop = nginx.start(folder, nginx.localised(([[
load_module modules/ndk_http_module.so;
load_module modules/ngx_http_lua_module.so;
events {}
http {
  lua_package_path "";
  server {
    listen 80;
    location = /do {
      %s_by_lua_block {
        local shop = require("tagua.resty").new { socket = "unix:%s/tagua.sock", connection = "shop", timeout = 5 }
        %s
      }
    }
  }
}]]):format(phase or "content", folder, code), folder))
  end

  local function ask_all(path, times)
    local clients, bodies = {}, {}
    for i = 1, times or 1 do clients[i] = http.start(address, http.text({ method = "GET", path = path })) end
    http.finish(function() if taker then taker:wait(0.01) else core.system.sleep(0.01) end end, clients)
    for i, client in ipairs(clients) do bodies[i] = client.answer().body end
    return bodies
  end
  local function ask() return ask_all("/do")[1] end

  before_each(function()
    folder, remove = support.folder()
    box = assert(inboxes.open(folder .. "/events.db"))
    listen()
  end)
  after_each(function()
    if stop then stop() end
    if taker then taker:close() end
    box:close()
    remove()
    stop = nil
  end)

  it("hands over what is to be ensured, put on and taken off, and events", function()
    start([[ngx.say(shop:ensure_tag("U1", "Member"), shop:tag("U1", "VIP", { lasts = "30d" }), shop:untag("U1", "New"),
      shop:event { user = "U1", type = "login", device = "phone" })]])
    assert.equal("truetruetruetrue\n", ask())
    local kept = assert(box:wishes("shop", 0, 10))
    assert.same({ "ensure", "tag", "untag" }, { kept[1].action, kept[2].action, kept[3].action })
    assert.same({ "U1", "VIP", 30 * 86400 }, { kept[2].user, kept[2].tag, kept[2].lasts })
    assert.same({ device = "phone" }, assert(box:events("shop", 0, 10))[1].fields)
  end)

  it("gives what the sender says where that takes nothing", function()
    start([[local ok, message, code = shop:ensure_tag("U1", "Member", { lasts = "soon" })
      ngx.say(tostring(ok), "|", message, "|", code)]])
    local answer = ask()
    assert.matches("^nil|cannot put the tag 'Member' on user 'U1': ensure: option 'lasts' must be a time such as", answer)
    assert.matches("|EINPUT\n$", answer)
  end)

  it("reads the tags of a user", function()
    start([[local tags = shop:user_tags("U 1") ngx.say(type(tags), #tags)]])
    assert.equal("table0\n", ask())
  end)

  it("keeps its connection, and makes a new one where the sender was started again", function()
    start([[local sock = ngx.socket.tcp() sock:connect("unix:]] .. folder .. [[/tagua.sock")
      local before = sock:getreusedtimes() sock:close() -- none is kept before the first
      local ok, message = shop:tag("U1", "A")
      sock = ngx.socket.tcp() sock:connect("unix:]] .. folder .. [[/tagua.sock")
      ngx.say(before, tostring(ok), tostring(message), sock:getreusedtimes()) sock:setkeepalive()]])
    assert.equal("0truenil1\n", ask())
    taker:close()
    listen()
    assert.matches("truenil", ask())
    assert.equal(2, #assert(box:wishes("shop", 0, 10)))
  end)

  it("asks again with the same key where a kept connection was lost, so that it counts once", function()
    taker:close()
    local server = assert(core.server.listen({ address = "unix:" .. folder .. "/tagua.sock" }))
    local keys = {}
    taker = { close = function() server:close() end }
    function taker.wait(_, seconds)
      for _, request in ipairs(server:wait(seconds)) do
        keys[#keys + 1] = request.headers["idempotency-key"]
        request:reply(#keys == 2 and { drop = true } or { status = 202, body = "{}" })
      end
    end
    start([[ngx.say(tostring(shop:tag("U1", "A")))]])
    assert.equal("true\n", ask())
    assert.equal("true\n", ask())
    assert.equal(3, #keys)
    assert.equal(keys[2], keys[3])
    assert.are_not.equal(keys[1], keys[2])
  end)

  it("says that nobody listens", function()
    taker:close()
    taker = nil
    start([[local ok, message, code = shop:ensure_tag("U1", "Member") ngx.say(message, "|", code)]])
    local answer = ask()
    assert.matches("cannot put the tag 'Member' on user 'U1' through unix:" .. folder .. "/tagua.sock: ", answer, 1, true)
    assert.matches("does tagua serve run, and may this process use its socket?|ENETWORK", answer, 1, true)
  end)

  it("waits no longer than it was told", function()
    start([[shop = require("tagua.resty").new { socket = "]] .. folder .. [[/tagua.sock", timeout = 0.05 }
      local ok, message, code = shop:ensure_tag("U1", "Member") ngx.say(code)]])
    local client = http.start(address, http.text({ method = "GET", path = "/do" }))
    http.finish(function() core.system.sleep(0.01) end, { client }) -- nobody works the sender
    assert.equal("ETIMEOUT\n", client.answer().body)
  end)

  it("raises at the caller's line where it is misused", function()
    start([[for _, f in ipairs {
        function() shop:tag(7, "A") end, function() shop:ensure_tag("U1") end, function() shop:untag("U1", "A", { last = 1 }) end,
        function() shop:event("login") end, function() shop:event { user = "U1" } end } do
        ngx.say(select(2, pcall(f)))
      end]])
    local answer = ask()
    for _, message in ipairs({ "tag: user must be a text that is not empty, got number",
      "ensure_tag: tag must be a text that is not empty, got nil", "untag: unknown option 'last' (there are ends, id, lasts)",
      "event: an event is a table", "event: type must be a text" }) do
      assert.matches(message, answer, 1, true)
    end
    for line in answer:gmatch("[^\n]+") do assert.matches("^content_by_lua%(nginx.conf:%d+%):%d+: ", line) end
  end)

  it("says what to do in a phase that has no cosockets, where a timer has", function()
    start([[local ok, message, code = shop:ensure_tag("U1", "Member")
      ngx.log(ngx.ERR, "log phase: ", message, " ", code)
      ngx.timer.at(0, function() shop:ensure_tag("U2", "Member") end)]], "log")
    ask_all("/do")
    for _ = 1, 500 do
      taker:wait(0.01)
      if #assert(box:wishes("shop", 0, 10)) > 0 then break end
    end
    assert.equal("U2", assert(box:wishes("shop", 0, 10))[1].user)
    assert.matches("there are no cosockets in this phase, begin a timer: ngx.timer.at(0, ...) EUNSUPPORTED",
      support.read(folder .. "/error.log"), 1, true)
  end)

  it("makes one call on the platform of twenty logins, as the example is written", function()
    local serving, twins = require("spec.support.serving"), require("spec.support.twin_process")
    taker:close()
    taker = nil
    support.write(folder .. "/token", "the-token")
    os.execute("chmod 600 '" .. folder .. "/token'")
    local url, stop_twin = twins.start(folder)
    finally(stop_twin)
    support.write(folder .. "/rules.lua", 'fields { n = count("login") }\n'
      .. 'tag "Comes often" { when = function(user) return user.n >= 20 end }\n')
    support.write(folder .. "/connections.lua", ([[connection "shop" { platform = "botbonnie", bot = "bot-WDCLEHlTw",
      page = "test_audi", channel = "line", url = "%s", token = file "token" }
      serve { listen = "127.0.0.1:0", admin = "127.0.0.1:0" }]]):format(url))
    local serve = serving.start(folder)
    finally(function()
      serve.stop()
      stop_twin()
    end)
    local text = support.read("examples/openresty/nginx.conf"):gsub("/run/tagua/tagua.sock", function()
      return serve.socket:gsub("^unix:", "")
    end)
    address, stop = nginx.start(folder, nginx.localised(text, folder))
    for _, body in ipairs(ask_all("/login?user=U1", 20)) do assert.equal("welcome, U1\n", body) end
    local function count_of(tag)
      local answer = serving.ask(url, { path = "/v1/api/bot/customers?botId=bot-WDCLEHlTw&limit=100", token = "the-token" })
      local user = answer.json.res.records[1]
      for _, one in ipairs(user and user.tags or {}) do
        if one.name == tag then return one.count end
      end
    end
    assert.equal(1, serving.wait_for("the tag", function() return count_of("Member") end))
    -- What is asked for later goes to the platform later: when it has come, no second call for "Member" can still come.
    serving.ask(serve.socket, { path = "/v1/tag", body = '{"user":"U1","tag":"Last"}' })
    assert.equal(1, serving.wait_for("the last tag", function() return count_of("Last") end))
    assert.equal(1, count_of("Member"))
  end)
end)
