local context = require("tagua.command.context")
local sender = require("tagua.command.sender")
local support = require("spec.support")

local function path_of(settings, values)
  return sender.path(settings, function(name) return (values or {})[name] end)
end

describe("the sender of a connection", function()
  it("is one for each account, whatever the folder", function()
    local shop = { platform = "botbonnie", bot = "bot-1", page = "p", channel = "line" }
    local path, folder = path_of(shop, { XDG_STATE_HOME = "/state" })
    assert.equal("/state/tagua/botbonnie+bot-1+p.lock", path)
    assert.equal("/state/tagua", folder)
    shop.page = "q"
    assert.not_equal(path, (path_of(shop, { XDG_STATE_HOME = "/state" })))
  end)

  it("lies in the home folder where XDG_STATE_HOME is not set", function()
    local path = path_of({ platform = "botbonnie", bot = "b" }, { HOME = "/home/ann" })
    assert.equal("/home/ann/.local/state/tagua/botbonnie+b.lock", path)
  end)

  it("can't be led out of its folder by the name of a bot", function()
    local path = path_of({ platform = "botbonnie", bot = "../../etc/x\n王" }, { XDG_STATE_HOME = "/s" })
    assert.equal("/s/tagua/botbonnie+..%2F..%2Fetc%2Fx%0A%E7%8E%8B.lock", path)
  end)

  it("of the local twin is one for each store", function()
    assert.equal("/a/tagua-local.db.lock", (path_of({ is_local = true, store = "/a/tagua-local.db" })))
  end)

  it("names who is sending, and says that it can be run again", function()
    local folder, remove = support.folder()
    finally(remove)
    local function new()
      return context.new({ config = support.write(folder .. "/connections.lua", ""),
        ledger = folder .. "/tagua.db" })
    end
    local first, second = new(), new()
    sender.become(first, "local")
    local ok, problem = pcall(sender.become, second, "local")
    assert.is_false(ok)
    assert.equal("ELOCKED", problem.code)
    assert.matches("^process %d+ with the ledger ", problem.message)
    assert.matches(folder, problem.message, 1, true)
    first:close()
    sender.become(second, "local")
    second:close()
  end)
end)
