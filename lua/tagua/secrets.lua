--- References to secrets: where a token is, not what it is. Holds no secret itself.
--
-- A reference is opened when a connection is, so that a configuration with ten connections asks the
-- password store for one.
-- @module tagua.secrets
local core = require("tagua.core")

local M = {}

local Reference = {}
Reference.__index = Reference
Reference.__name = "tagua.secret reference"

function Reference:__tostring()
  return self.source
end

local function reference(kind, argument, source)
  return setmetatable({ kind = kind, argument = argument, source = source }, Reference)
end

local function check(what, argument)
  if type(argument) ~= "string" or argument == "" then
    error(("%s takes the text of one, got %s"):format(what, argument == "" and "''" or type(argument)), 3)
  end
end

--- A secret that an environment variable holds.
-- @tparam string name
-- @treturn reference
function M.env(name)
  check("env: the name of a variable", name)
  return reference("env", name, "environment variable " .. name)
end

--- A secret that a file of mode 0600 or stricter holds.
-- @tparam string path `~/` is the home folder
-- @treturn reference
function M.file(path)
  check("file: the path of a file", path)
  local home = os.getenv("HOME")
  if path:sub(1, 2) == "~/" and home then path = home .. path:sub(2) end
  return reference("file", path, "file " .. path)
end

--- A secret that a command prints.
-- @tparam string line run by the shell
-- @treturn reference
function M.command(line)
  check("command: a command line", line)
  return reference("command", line, "command " .. line)
end

--- Whether a value can stand where a secret is wanted: a reference, or an opened secret.
-- @param value
-- @treturn boolean
function M.is(value)
  if getmetatable(value) == Reference then return true end
  return type(value) == "userdata" and pcall(function() return value:source() end)
end

--- The path in a reference to a file.
-- @param value
-- @treturn string|nil nil for anything else
function M.path(value)
  if getmetatable(value) == Reference and value.kind == "file" then return value.argument end
  return nil
end

--- Opens a reference: reads the secret into C.
-- @param value a reference, or a secret that is open already
-- @treturn userdata|nil the secret
-- @treturn string why it cannot be read, naming its source
-- @treturn string ECONFIG or EIO
function M.open(value)
  if getmetatable(value) ~= Reference then return value end
  return core.secret[value.kind](value.argument)
end

return M
