-- The admin address of tagua serve: who may ask what, and what is counted; over real sockets.
local admin = require("tagua.serve.admin")
local command = require("spec.support.command")
local core = require("tagua.core")
local http = require("spec.support.http")
local metrics = require("tagua.serve.metrics")
local support = require("spec.support")

local function server(given)
  local folder, remove = support.folder()
  local log = {}
  local function getenv(name) return name == "XDG_STATE_HOME" and folder or nil end
  local options = { address = "127.0.0.1:0", routes = {
    ["GET /healthz"] = function() return admin.text(200, "ok\n") end,
    ["GET /readyz"] = function() return admin.text(503, "not ready\n") end,
    ["GET /metrics"] = function() return admin.text(200, metrics.text({ tagua_ready = 1 })) end,
    ["GET /api/secret"] = function() return admin.json(200, { users = 3 }) end,
    ["GET /broken"] = function() error("a mistake of ours") end,
    ["GET /"] = function() return admin.text(200, "the page") end,
  }, open = { ["GET /"] = true }, log = { seldom = function(_, ...) log[#log + 1] = table.pack(...) end } }
  for name, value in pairs(given or {}) do options[name] = value end
  options.token = options.token or assert(admin.token({}, getenv))
  local opened = assert(admin.open(options))
  finally(function()
    opened:close()
    remove()
  end)
  local function ask(request)
    local client = http.start(opened:address(), http.text(request))
    http.finish(function() opened:wait(0.01, {}) end, { client })
    return client.answer()
  end
  return ask, support.read(folder .. "/tagua/page.token"):gsub("\n", ""), log
end

describe("the admin address", function()
  it("tells anybody whether it lives and is ready, and the page without data", function()
    local ask = server()
    assert.same({ 200, "ok\n" }, { ask({ path = "/healthz" }).status, ask({ path = "/healthz" }).body })
    assert.equal(503, ask({ path = "/readyz" }).status)
    assert.equal("the page", ask({ path = "/" }).body)
    assert.equal("", ask({ path = "/healthz", method = "HEAD" }).body)
  end)

  it("wants the token for everything else, and says where it is", function()
    local ask, token = server()
    for _, path in ipairs({ "/metrics", "/api/secret", "/nothing", "/healthz/", "//healthz", "/../healthz" }) do
      local answer = ask({ path = path })
      assert.equal(401, answer.status, path)
      assert.matches("tagua token page tells it", answer.body, 1, true)
      assert.equal('Bearer realm="tagua"', answer.headers["www-authenticate"])
      assert.equal(401, ask({ path = path, token = token:sub(1, -2) .. "x" }).status)
    end
    assert.equal('{"users":3}\n', ask({ path = "/api/secret", token = token }).body)
    assert.matches("# TYPE tagua_ready gauge", ask({ path = "/metrics", token = token }).body, 1, true)
    assert.equal(404, ask({ path = "/nothing", token = token }).status)
    assert.equal(405, ask({ path = "/metrics", method = "POST", body = "x", token = token }).status)
    assert.equal("no-store", ask({ path = "/api/secret", token = token }).headers["cache-control"])
  end)

  it("lets the metrics be read without it where that was said", function()
    local ask = server({ metrics_open = true })
    assert.equal(200, ask({ path = "/metrics" }).status)
    assert.equal(401, ask({ path = "/api/secret" }).status)
  end)

  it("goes on after a mistake in a route, which the log tells", function()
    local ask, token, log = server()
    assert.equal(500, ask({ path = "/broken", token = token }).status)
    assert.matches("a mistake of ours", log[1][3], 1, true)
    assert.equal(200, ask({ path = "/healthz" }).status)
  end)
end)

describe("the admin token", function()
  it("is made once, in a file that only its owner can read", function()
    local folder, remove = support.folder()
    finally(remove)
    local function getenv(name) return name == "XDG_STATE_HOME" and folder or nil end
    local first, second = assert(admin.token({}, getenv)), assert(admin.token({}, getenv))
    assert.equal(first:sha256(), second:sha256())
    assert.equal("600\n", io.popen("stat -c %a " .. admin.token_path(getenv)):read("a"))
    assert.equal(core.secret.sha256(support.read(folder .. "/tagua/page.token"):sub(1, 64)), first:sha256())
  end)

  it("is refused where others could have read it", function()
    local folder, remove = support.folder()
    finally(remove)
    local function getenv(name) return name == "XDG_STATE_HOME" and folder or nil end
    assert(admin.token({}, getenv)):close()
    os.execute("chmod 644 " .. folder .. "/tagua/page.token")
    local token, message, code = admin.token({}, getenv)
    assert.is_nil(token)
    assert.matches("page.token", message, 1, true)
    assert.equal("ECONFIG", code)
  end)

  it("is printed by tagua token page alone, with the page's address", function()
    local place = command.place()
    finally(function() place:close() end)
    place:write("connections.lua", 'serve { admin = "127.0.0.1:9999" }')
    local code, out = place:run("token page")
    assert.equal(0, code)
    local token = place:read("state/tagua/page.token"):gsub("\n", "")
    assert.equal("http://127.0.0.1:9999/#token=" .. token .. "\n", out)
    assert.equal(64, #token)
    assert.equal(('{"page":"http://127.0.0.1:9999/#token=%s"}\n'):format(token), select(2, place:run("token page --json")))
  end)

  it("that connections.lua names is not printed at all", function()
    local place = command.place()
    finally(function() place:close() end)
    place:write("connections.lua", 'serve { admin_token = env "PAGE" }')
    local code, out, err = place:run("token page", "PAGE=very-secret-token")
    assert.same({ 0, "http://127.0.0.1:8091/\n", "its token is in environment variable PAGE\n" }, { code, out, err })
    code, out, err = place:run("token page")
    assert.equal(2, code)
    assert.equal("", out)
    assert.matches("PAGE", err, 1, true)
  end)
end)

describe("the metrics", function()
  it("are in the text format of Prometheus, each with its help and its type once", function()
    local text = metrics.text({
      [metrics.name("tagua_part_up", { part = "keeper", connection = 'a"b\\c\nd' })] = 1,
      [metrics.name("tagua_part_up", { part = "intake" })] = 0,
      [metrics.name("tagua_requests_total", { source = "line", answer = "200" })] = 12345678901,
      tagua_oldest_event_seconds = 0.25,
      tagua_quota_used = 1 / 0,
      something_new = 2,
    })
    assert.equal([[
# HELP tagua_part_up Whether a part does its work.
# TYPE tagua_part_up gauge
tagua_part_up{connection="a\"b\\c\nd",part="keeper"} 1
tagua_part_up{part="intake"} 0
# HELP tagua_requests_total Requests, by their source and the status they were answered with.
# TYPE tagua_requests_total counter
tagua_requests_total{answer="200",source="line"} 12345678901
# HELP tagua_oldest_event_seconds How long the oldest event that is not worked off has waited.
# TYPE tagua_oldest_event_seconds gauge
tagua_oldest_event_seconds 0.25
# HELP tagua_quota_used The part of the rate that the last minute used, 0 to 1.
# TYPE tagua_quota_used gauge
tagua_quota_used +Inf
# HELP something_new As a part of tagua counts it.
# TYPE something_new untyped
something_new 2
]], text)
  end)

  it("have a meaning each, and end as their type wants it", function()
    local seen = {}
    for _, family in ipairs(metrics.families) do
      local name, kind, help = table.unpack(family)
      assert.is_nil(seen[name], name)
      seen[name] = true
      assert.matches("^tagua_[a-z_]+$", name)
      assert.equal(kind == "counter", name:find("_total$") ~= nil, name)
      assert.matches("%.$", help)
    end
  end)
end)
