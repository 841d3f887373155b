local config = require("tagua.config")
local support = require("spec.support")

local function load_text(text)
  local folder, remove = support.folder()
  local path = support.write(folder .. "/connections.lua", text)
  local connections, message, code = config.load(path)
  remove()
  return connections, type(message) == "string" and message:gsub("^/tmp/[^/]*/", "") or message, code
end

local function complaint(text)
  local connections, message, code = load_text(text)
  assert.is_nil(connections)
  assert.equal("ECONFIG", code)
  return message
end

local SHOP = [[
connection "shop" {
  platform = "botbonnie", bot = "bot-1", page = "audi", channel = "line",
  token = env "BOTBONNIE_TOKEN",
}
]]

describe("connections.lua", function()
  it("gives the options of each connection under its name", function()
    local connections = assert(load_text(SHOP))
    assert.equal("bot-1", connections.shop.bot)
    assert.equal("shop", connections.shop.name)
    assert.equal("environment variable BOTBONNIE_TOKEN", tostring(connections.shop.token))
  end)

  it("always has local, which needs no account", function()
    assert.equal("local", load_text(SHOP)["local"].platform)
    assert.equal("mine.db", load_text('connection "local" { platform = "local", store = "mine.db" }')["local"].store)
  end)

  it("reads no secret before a connection is opened", function()
    local folder, remove = support.folder()
    finally(remove)
    local text = SHOP:gsub('env "BOTBONNIE_TOKEN"', 'command "touch ' .. folder .. '/ran"')
    assert(load_text(text))
    assert.is_nil(require("tagua.core").system.file_kind(folder .. "/ran"))
  end)

  it("takes a secret's file from the folder of connections.lua", function()
    local folder, remove = support.folder()
    finally(remove)
    support.write(folder .. "/connections.lua", (SHOP:gsub("env %b\"\"", 'file "shop.token"')))
    local connections = assert(config.load(folder .. "/connections.lua"))
    assert.equal("file " .. folder .. "/shop.token", tostring(connections.shop.token))
  end)

  it("names line and nearest option for an unknown one", function()
    assert.equal(
      "connections.lua:2: connection 'shop': unknown option 'chanel' (did you mean 'channel'?)",
      complaint("\n" .. SHOP:gsub("channel", "chanel"))
    )
  end)

  it("names line and nearest platform", function()
    assert.matches(
      "connections.lua:1: connection 'shop': option 'platform' must be one of .*%(did you mean 'botbonnie'%?%)",
      complaint('connection "shop" { platform = "botbony" }')
    )
    assert.matches("option 'platform' is missing: one of local", complaint('connection "shop" { }'))
  end)

  it("refuses a token that stands in the file, without repeating it", function()
    local message = complaint((SHOP:gsub("env %b\"\"", '"s3cr3t-token"')))
    assert.matches('env "NAME"', message, 1, true)
    assert.not_matches("s3cr3t", message, 1, true)
  end)

  it("sees connection, env, file and command and nothing else", function()
    for _, name in ipairs({ "os", "io", "require", "load", "print", "string", "_G", "setmetatable" }) do
      assert.matches("connections.lua:1: unknown name '" .. name .. "'", complaint("local x = " .. name), 1, true)
    end
    assert.matches("did you mean 'connection'", complaint('conection "shop" {}'), 1, true)
  end)

  it("refuses to set a global", function()
    assert.matches("connections.lua:1: 'bot' cannot be set", complaint('bot = "bot-1"'), 1, true)
  end)

  it("names a connection that is there twice, or has no options", function()
    assert.matches("connections.lua:5: connection 'shop' is there twice", complaint(SHOP .. SHOP), 1, true)
    assert.matches("connections.lua:1: connection 'shop': the options are missing", complaint('connection "shop"'))
  end)

  it("gives the line of a mistake in the language", function()
    assert.matches("^connections.lua:2: ", complaint('connection "shop" {\n  platform = = }'))
  end)

  it("refuses a compiled chunk", function()
    assert.is_string(complaint(string.dump(function() end)))
  end)

  it("drops a byte-order mark", function()
    assert.is_table(load_text("\xEF\xBB\xBF" .. SHOP).shop)
  end)

  it("says which file cannot be read", function()
    local connections, message, code = config.load("/nowhere/connections.lua")
    assert.is_nil(connections)
    assert.matches("cannot read the connections: /nowhere/connections.lua", message, 1, true)
    assert.equal("ECONFIG", code)
    assert.is_nil(config.load("/tmp"))
  end)

  it("is looked for in the current folder, then in the configuration folder", function()
    assert.equal("connections.lua", config.places()[1])
    assert.matches("/tagua/connections.lua$", config.places()[2])
  end)

  it("names the nearest connection and those that there are", function()
    local connections = assert(load_text(SHOP))
    local found, message, code = config.get(connections, "shpo", "connections.lua")
    assert.is_nil(found)
    assert.equal(
      "unknown connection 'shpo' (did you mean 'shop'?): connections.lua has local, shop", message
    )
    assert.equal("ECONFIG", code)
    assert.equal(connections.shop, config.get(connections, "shop"))
    message = select(2, config.get({ ["local"] = {} }, "shop"))
    assert.matches("unknown connection 'shop': there is no connections.lua and no /", message, 1, true)
  end)
end)
