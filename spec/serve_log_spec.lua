local core = require("tagua.core")
local json = require("tagua.json")
local log = require("tagua.serve.log")
local support = require("spec.support")

describe("the log of the automation", function()
  local lines, now

  local function open(given)
    lines, now = {}, 1795255200123
    given = given or {}
    given.write = function(line) lines[#lines + 1] = line end
    given.now = function() return now end
    return log.open(given)
  end

  it("writes one JSON object a line, its time, level, event and message first", function()
    open({ part = "intake" }):warning("full", "too much waits", { waiting = 12, connection = "shop" })
    assert.equal('{"time":"2026-11-21T10:00:00.123Z","level":"warning","event":"full","message":"too much waits",'
      .. '"part":"intake","connection":"shop","waiting":12}\n', lines[1])
  end)

  it("writes lines for people where they read along", function()
    open({ readable = true, connection = "shop" }):info("ready", "taking events", { address = "127.0.0.1:1\27[2J" })
    assert.matches("^%d%d:%d%d:%d%d info    ready: shop: taking events %(address=127%.0%.0%.1:1\\x1b%[2J%)\n$", lines[1])
  end)

  it("holds no secret", function()
    local folder, remove = support.folder()
    finally(remove)
    support.write(folder .. "/s", "the-channel-secret")
    os.execute("chmod 600 " .. folder .. "/s")
    local secret = assert(core.secret.file(folder .. "/s"))
    open():error("failed", "the platform said the-channel-secret", { url = "https://x/?k=the-channel-secret" })
    assert.is_nil(lines[1]:find("the-channel-secret", 1, true))
    assert.equal("the platform said [secret]", json.decode(lines[1]).message)
    secret:close()
  end)

  it("stays JSON and one line whatever it is told", function()
    local l = open({ connection = "a\nb" })
    l:info("odd", "bytes \255\n", { number = 0 / 0, text = "\0\r\n\u{2028}", list = { 1, 2 }, ["k\255"] = true })
    assert.equal(1, #lines)
    assert.equal(1, select(2, lines[1]:gsub("\n", "")))
    local line = assert(json.decode(lines[1]))
    assert.equal("bytes \\xff\\n", line.message)
    assert.same({ 1, 2 }, line.list)
  end)

  it("writes five lines a minute of what can be brought about from outside, and counts the rest", function()
    local l = open()
    for _ = 1, 40 do
      l:seldom("warning", "signature", "not signed")
    end
    l:seldom("warning", "other", "another matter")
    assert.equal(6, #lines)
    now = now + 60000
    l:seldom("warning", "signature", "not signed", { from = "::1" })
    local line = json.decode(lines[7])
    assert.same({ 35, "::1" }, { line.unwritten, line.from })
    l:seldom("warning", "signature", "not signed")
    assert.is_nil(json.decode(lines[8]).unwritten)
  end)

  it("names the part that a line is from", function()
    open({ part = "keeper" }):of({ connection = "shop" }):info("run", "over")
    local line = json.decode(lines[1])
    assert.same({ "keeper", "shop" }, { line.part, line.connection })
  end)
end)
