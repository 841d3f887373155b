--- Tagua: tags on the users of chat-marketing platforms, from Lua.
--
--    local tagua = require "tagua"
--    local shop = assert(tagua.connect {
--      platform = "botbonnie", bot = "bot-WDCLEHlTw", page = "test_audi", channel = "line",
--      token = tagua.env "BOTBONNIE_TOKEN",
--      rate = { per_second = 10 },
--    })
--    assert(shop:tag_user("U21ab30ccce78feb456048adeb80cf00a", "tag--PTfLM4wQ"))
--
-- Misuse raises at the caller's line; what can fail at run time returns `nil, message, code`.
-- The rule language is `tagua.rules`, which is loaded when it is first named.
-- @module tagua
local config = require("tagua.config")
local connection = require("tagua.connection")
local secrets = require("tagua.secrets")

local M = {}

M.version = require("tagua.version")

--- A secret that an environment variable holds, to be read when a connection is opened.
-- @function env
-- @tparam string name
-- @treturn reference
M.env = secrets.env

--- A secret that a file of mode 0600 or stricter holds.
-- @function file
-- @tparam string path
-- @treturn reference
M.file = secrets.file

--- A secret that a command prints.
-- @function command
-- @tparam string line run by the shell
-- @treturn reference
M.command = secrets.command

local function connect_by_name(name)
  local connections, path, code = config.load()
  if not connections then return nil, path, code end
  local given, message
  given, message, code = config.get(connections, name, path)
  if not given then return nil, message, code end
  return connection.open(given)
end

--- Opens a connection.
-- @tparam table|string options see `tagua.connection.open`; or the name of a connection in
--   connections.lua, which is looked for as the command does; `"local"` is always there
-- @treturn connection|nil
-- @treturn string message
-- @treturn string code
function M.connect(options)
  if type(options) == "string" then return connect_by_name(options) end
  return connection.open(options)
end

return setmetatable(M, {
  __index = function(_, name)
    if name == "rules" then return require("tagua.rules") end
    return nil
  end,
})
