local core = require("tagua.core")
local context = require("tagua.command.context")
local support = require("spec.support")

-- A stream that keeps what it is given, or fails as it is told.
local function stream(fail)
  local kept = { text = "" }
  function kept:write(...)
    if fail then
      return nil, fail[1], fail[2]
    end
    self.text = self.text .. table.concat({ ... })
    return self
  end
  function kept:flush()
    return self
  end
  return kept
end

local function new(options, streams)
  streams = streams or {}
  streams.out, streams.err = streams.out or stream(), streams.err or stream()
  return context.new(options or {}, streams), streams
end

local function failure_of(f, ...)
  local ok, problem = pcall(f, ...)
  assert.is_false(ok)
  assert.is_true(context.is_failure(problem), tostring(problem))
  return problem
end

describe("a command's context", function()
  it("takes secrets out of everything that is printed", function()
    local folder, remove = support.folder()
    finally(remove)
    support.write(folder .. "/token", "very-secret-token")
    os.execute("chmod 600 " .. folder .. "/token")
    local secret <close> = assert(core.secret.file(folder .. "/token"))
    assert.is_not_nil(secret)
    local c, streams = new()
    c:print("a very-secret-token b")
    c:note("c very-secret-token d")
    c:json({ message = "very-secret-token" })
    assert.is_nil((streams.out.text .. streams.err.text):find("very-secret", 1, true))
    assert.matches("a [secret] b\n", streams.out.text, 1, true)
  end)

  it("stops writing when its reader went away, and says nothing of it", function()
    local c, streams = new({}, { out = stream({ "Broken pipe", 32 }) })
    c:print("a")
    assert.is_true(c.gone)
    c:print("b")
    c:flush()
    assert.equal("", streams.err.text)
  end)

  it("fails when the disk under its output is full", function()
    local c = new({}, { out = stream({ "No space left on device", 28 }) })
    local problem = failure_of(c.print, c, "a")
    assert.equal("EDISK", problem.code)
    assert.matches("cannot write to standard output: No space left", problem.message)
  end)

  it("passes results on, and fails with the message and code of a failure", function()
    local c = new()
    assert.same({ 1, 2, 3 }, { c:check(1, 2, 3) })
    local problem = failure_of(c.check, c, nil, "no such thing", "ENOTFOUND")
    assert.equal("no such thing", problem.message)
    assert.equal("ENOTFOUND", problem.code)
  end)

  it("closes what it opened in reverse order, and goes on when one can't be closed", function()
    local c, closed = new(), {}
    for _, name in ipairs({ "ledger", "connection", "pool" }) do
      c:keep({ close = function()
        closed[#closed + 1] = name
        if name == "connection" then error("will not close", 0) end
      end })
    end
    assert.equal("will not close", c:close())
    assert.same({ "pool", "connection", "ledger" }, closed)
    assert.is_nil(c:close())
  end)

  it("opens each thing once", function()
    local c, opened = new(), 0
    local function open()
      opened = opened + 1
      return {}
    end
    assert.equal(c:once("x", open), c:once("x", open))
    assert.equal(1, opened)
  end)

  it("does not ask where --yes answered", function()
    local c, streams = new({ yes = true })
    c:confirm("go on?")
    assert.equal("", streams.err.text)
  end)

  it("refuses where there is nobody to ask, and names --yes", function()
    local c = new()
    c.error_terminal = false
    local problem = failure_of(c.confirm, c, "go on?")
    assert.equal("EUSAGE", problem.code)
    assert.matches("--yes", problem.message, 1, true)
  end)

  describe("with connections", function()
    local function with(text, options)
      local folder, remove = support.folder()
      finally(remove)
      options = options or {}
      options.config = support.write(folder .. "/connections.lua", text)
      return new(options), folder
    end

    local SHOP = [[connection "shop" { platform = "botbonnie", bot = "bot-1", page = "p", channel = "line",
      token = env "TAGUA_SPEC_NO_TOKEN" }]]

    it("says which account a connection is, without its token being there", function()
      local c = with(SHOP)
      assert.equal("shop (botbonnie, bot-1, page p, line)", c:account("shop"))
    end)

    it("names the nearest connection", function()
      local c, folder = with(SHOP)
      local problem = failure_of(c.settings, c, "shpo")
      assert.equal("ECONFIG", problem.code)
      assert.matches("unknown connection 'shpo' (did you mean 'shop'?)", problem.message, 1, true)
      assert.matches(folder, problem.message, 1, true)
    end)

    it("keeps the local store beside the ledger", function()
      assert.equal("/srv/shop/tagua-local.db", with("", { ledger = "/srv/shop/tagua.db" })
        :settings("local").store)
      assert.equal("tagua-local.db", with(""):settings("local").store)
    end)
  end)

  it("keeps one mirror for one account, however its channel is written, and one for each local store", function()
    local folder, remove = support.folder()
    finally(remove)
    support.write(folder .. "/connections.lua", [[
      connection "word" { platform = "botbonnie", bot = "b", page = "p", channel = "line", token = env "NONE" }
      connection "number" { platform = "botbonnie", bot = "b", page = "p", channel = 1, token = env "NONE" }
      connection "one" { platform = "local", store = "one.db" }
      connection "two" { platform = "local", store = "two.db" }
    ]])
    local c = new({ config = folder .. "/connections.lua", ledger = folder .. "/tagua.db" })
    assert.equal(c:book("word").number, c:book("number").number)
    assert.not_equal(c:book("one").number, c:book("two").number)
    c:close()
  end)
end)
