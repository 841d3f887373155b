--- What connections.lua says of `tagua serve`: where it listens, and whose events each connection takes.
-- Declares the options; opens no secret and no file. Pure.
-- @module tagua.serving
local options = require("tagua.options")
local secrets = require("tagua.secrets")
local url = require("tagua.url")

local M = {}

--- A secret in options: never the secret itself.
-- @param value
-- @return the value, or nil and what is wrong with it
function M.accept_secret(value)
  if secrets.is(value) then return value end
  return nil,
    'must say where the secret is: env "NAME", file "PATH" or command "LINE"; '
      .. "the secret itself has no place in options"
end

--- The path of a file in options: a text, or file "PATH", which a configuration takes from its own folder.
-- @param value
-- @return the path, or nil and what is wrong with it
function M.accept_path(value)
  local path = type(value) == "string" and value or secrets.path(value)
  if path and path ~= "" then return path end
  return nil, 'must be the path of a file, or file "PATH"'
end

local function check_forward(given)
  local scheme, host = url.parse(given, true)
  if not scheme then return host end
  if scheme == "unix" then return "must be https://... or http://127.0.0.1:..." end
  if url.is_open(scheme, host) then
    return ("would carry people's messages in the clear; use https://, got %s"):format(options.quote(given))
  end
  return nil
end

-- Hashes of bearer tokens, one or several -> a list in lower case.
local function accept_hashes(value)
  local list = type(value) == "string" and { value } or value
  local complaint = "must be the SHA-256 of a token in 64 hexadecimal digits, or a list of such"
  if type(list) ~= "table" or #list == 0 or #list > 1000 then return nil, complaint end
  local hashes = {}
  for key, hash in pairs(list) do
    if math.type(key) ~= "integer" or key > #list or type(hash) ~= "string" or #hash ~= 64 or hash:find("%X") then
      return nil, complaint
    end
    hashes[key] = hash:lower()
  end
  return hashes
end

local SECRET = { accept = M.accept_secret, required = true }

-- The option `hooks` of a connection.
local HOOKS = {
  line = {
    type = "table",
    fields = { secret = SECRET, forward = { type = "string", min = 1, max = 4000, check = check_forward } },
  },
  meta = { type = "table", fields = { secret = SECRET, verify_token = SECRET } },
  botbonnie = { type = "table", fields = { secret = SECRET } },
  events = { type = "table", fields = { sha256 = { accept = accept_hashes, required = true } } },
}

--- The declaration of the option `hooks` of a connection.
M.hooks = { type = "table", fields = HOOKS }

-- A machine whose headers are believed; a whole network is ADDRESS/BITS.
local function accept_proxies(value)
  local complaint = 'must be a list of addresses, such as { "127.0.0.1" } or { "10.0.0.0/8" }'
  if type(value) ~= "table" then return nil, complaint end
  local count = 0
  for key, address in pairs(value) do
    local bare, bits = tostring(address):match("^([%x:.]+)/?(%d*)$")
    local four = bare and bare:find("^%d+%.%d+%.%d+%.%d+$")
    if
      math.type(key) ~= "integer" or key > #value or type(address) ~= "string"
      or not (four or bare and bare:find(":", 1, true))
      or (address:find("/", 1, true) and (bits == "" or tonumber(bits) > (four and 32 or 128)))
    then
      return nil, complaint
    end
    count = count + 1
  end
  if count > 100 then return nil, "must be 100 addresses at most" end
  return value
end

local function accept_secrets(value)
  if type(value) ~= "table" then return nil, 'must be a table: { crm = env "CRM_SECRET" }' end
  for name, secret in pairs(value) do
    if type(name) ~= "string" then return nil, 'must name its secrets: { crm = env "CRM_SECRET" }' end
    local accepted, complaint = M.accept_secret(secret)
    if not accepted then return nil, ("for '%s' %s"):format(options.quote(name):sub(2, -2), complaint) end
  end
  return value
end

local SERVE = {
  listen = { type = "string", check = url.check_listen, default = "127.0.0.1:8090" },
  admin = { type = "string", check = url.check_listen, default = "127.0.0.1:8091" },
  socket = { accept = M.accept_path },
  tls = {
    type = "table",
    fields = {
      certificate = { accept = M.accept_path, required = true },
      key = { accept = M.accept_path, required = true },
    },
  },
  proxies = { accept = accept_proxies, default = {} },
  most_waiting = { type = "integer", min = 1, max = 1000000000, default = 1000000 },
  admin_token = { accept = M.accept_secret },
  metrics_open = { type = "boolean", default = false },
  secrets = { accept = accept_secrets, default = {} },
}

--- Checks what stands behind `serve` in connections.lua.
-- @tparam table|nil given nil for a file without it
-- @treturn table|nil the options with their defaults: `listen`, `admin`, `socket`, `tls`, `proxies`,
--   `most_waiting` (events), `admin_token`, `metrics_open`, `secrets`
-- @treturn string what is wrong
function M.verify(given) return options.verify("serve", given, SERVE) end

--- The declarations, for whoever documents them.
-- @treturn table of `serve`
-- @treturn table of `hooks`
function M.options() return SERVE, HOOKS end

return M
