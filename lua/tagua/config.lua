--- Reads connections.lua: the named connections of a folder or of a person, and what `tagua serve` is told.
--
--    connection "shop" {
--      platform = "botbonnie", bot = "bot-WDCLEHlTw", page = "test_audi", channel = "line",
--      token = env "BOTBONNIE_TOKEN",
--      rate = { per_second = 10 },
--    }
--
--    serve { listen = "127.0.0.1:8090" }     -- see tagua.serving
--
-- The file is Lua that sees `connection`, `serve`, `env`, `file` and `command` and nothing else. A path in
-- `file` is taken from the folder of connections.lua; secrets are read when a connection is opened.
-- @module tagua.config
local core = require("tagua.core")
local nearest = require("tagua.nearest")
local secrets = require("tagua.secrets")
local serving = require("tagua.serving")
local settings = require("tagua.settings")

local M = {}

local FILE = "connections.lua"
local LARGEST = 1024 * 1024

--- Where connections.lua is looked for when no path is given, in this order.
-- @treturn {string,...}
function M.places()
  local places = { FILE }
  local home = os.getenv("XDG_CONFIG_HOME")
  if (not home or home == "") and os.getenv("HOME") then home = os.getenv("HOME") .. "/.config" end
  if home and home ~= "" then places[2] = home .. "/tagua/" .. FILE end
  return places
end

local function find(path)
  if path then return path end
  for _, place in ipairs(M.places()) do
    if core.system.file_kind(place) == "file" then return place end
  end
  return nil
end

local function read(path)
  local file, message = io.open(path, "rb")
  local text = file and file:read(LARGEST + 1)
  if file then file:close() end
  if file and not text and core.system.file_kind(path) == "file" then text = "" end
  if not text then
    message = message or (path .. ": it is no file")
    return nil, ("cannot read the connections: %s"):format(message), "ECONFIG"
  end
  if #text > LARGEST then
    return nil, ("cannot read the connections: %s is larger than 1 MiB"):format(path), "ETOOBIG"
  end
  if text:sub(1, 3) == "\xEF\xBB\xBF" then text = text:sub(4) end
  return text
end

-- A value for a name that the file may not use: reading it tells what there is.
local VOCABULARY = { "connection", "serve", "env", "file", "command" }

local function environment(path, found, unfinished, words)
  local folder = path:match("^(.*/)[^/]*$") or ""
  local env = {
    env = secrets.env,
    command = secrets.command,
    file = function(name)
      if type(name) == "string" and folder ~= "" and not name:find("^[/~]") and name ~= "" then
        name = folder .. name
      end
      local ok, reference = pcall(secrets.file, name)
      if not ok then error("file: the path of a file is a text that is not empty", 2) end
      return reference
    end,
  }
  function env.connection(name)
    if type(name) ~= "string" then error("connection takes a name: connection \"shop\" { ... }", 2) end
    local what = ("connection '%s'"):format(name)
    if found[name] or unfinished[name] then error(what .. " is there twice", 2) end
    unfinished[name] = debug.getinfo(2, "l").currentline
    return function(given)
      if type(given) ~= "table" then
        error(what .. ": the options are missing: connection \"" .. name .. "\" { ... }", 2)
      end
      if given.name ~= nil then error(what .. ": option 'name' is what stands before the options", 2) end
      given.name = name
      local checked, complaint = settings.verify(what, given)
      if not checked then error(complaint, 2) end
      found[name], unfinished[name] = given, nil
    end
  end
  function env.serve(given)
    if words.serve then error("serve is there twice", 2) end
    if type(given) ~= "table" then error("serve takes its options: serve { listen = \"127.0.0.1:8090\" }", 2) end
    local checked, complaint = serving.verify(given)
    if not checked then error(complaint, 2) end
    words.serve = checked
  end
  return setmetatable(env, {
    __index = function(_, name)
      error(("unknown name '%s'%s: connections.lua knows %s"):format(
        name, nearest.hint(name, VOCABULARY), table.concat(VOCABULARY, ", ")), 2)
    end,
    __newindex = function(_, name)
      error(("'%s' cannot be set: write local %s = ..."):format(name, name), 2)
    end,
  })
end

--- Reads the named connections.
-- `local` is always among them, unless the file says what it is.
-- @tparam[opt] string path of the file; without it, `places` are tried, and none need be there
-- @treturn {[string]=table}|nil options by name, as `tagua.connect` takes them
-- @treturn string the path that was read (nil where there was no file), or what is wrong with it,
--   with its line
-- @treturn string|table ECONFIG; or what `tagua serve` is told, see tagua.serving
function M.load(path)
  local found, words = {}, {}
  path = find(path)
  if path then
    local text, complaint, code = read(path)
    if not text then return nil, complaint, code end
    local unfinished = {}
    local chunk, message = load(text, "@" .. path, "t", environment(path, found, unfinished, words))
    if not chunk then return nil, message, "ECONFIG" end
    local ok
    ok, message = pcall(chunk)
    if not ok then return nil, tostring(message), "ECONFIG" end
    local name, line = next(unfinished)
    if name then
      return nil, ("%s:%d: connection '%s': the options are missing"):format(path, line, name), "ECONFIG"
    end
  end
  found[settings.LOCAL] = found[settings.LOCAL] or { platform = settings.LOCAL, name = settings.LOCAL }
  return found, path, words.serve or assert(serving.verify(nil))
end

--- One connection's options by its name.
-- @tparam {[string]=table} connections as `load` gives them
-- @tparam string name
-- @tparam[opt] string path where they were read from, for the message
-- @treturn table|nil
-- @treturn string which names there are, the nearest first
-- @treturn string ECONFIG
function M.get(connections, name, path)
  local given = connections[name]
  if given then return given end
  local names = {}
  for known in pairs(connections) do
    names[#names + 1] = known
  end
  table.sort(names)
  local where = path and ("%s has %s"):format(path, table.concat(names, ", "))
    or ("there is no %s; name it there, or say with --config where it is"):format(table.concat(M.places(), " and no "))
  return nil,
    ("unknown connection '%s'%s: %s"):format(name, nearest.hint(name, names), where),
    "ECONFIG"
end

return M
