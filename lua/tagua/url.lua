--- Addresses as options name them: of a platform, of whom events are passed on to, of where to listen.
-- Pure.
-- @module tagua.url
local options = require("tagua.options")

local M = {}

-- Whether a host of a URL is this machine, whose traffic nobody else reads.
local function is_loopback(host)
  return host == "localhost" or host == "[::1]" or host:match("^127%.%d+%.%d+%.%d+$") ~= nil
end

--- Takes a URL that tagua can use apart.
-- @tparam string url
-- @tparam[opt] boolean with_query whether it may hold a query
-- @treturn string|nil the scheme: `https`, `http` or `unix`
-- @treturn string the host (nil for `unix`), or what is wrong with the URL
function M.parse(url, with_query)
  if url:sub(1, 5) == "unix:" then
    if url:sub(6, 6) ~= "/" then return nil, "must name a socket by its whole path: unix:/path" end
    return "unix"
  end
  local scheme, authority, rest = url:match("^(%a+)://([^/?#]+)(.*)$")
  if scheme ~= "http" and scheme ~= "https" then
    return nil, ("must be https://..., http://127.0.0.1:... or unix:/path, got %s"):format(options.quote(url))
  end
  if authority:find("@", 1, true) then return nil, "must hold no user or password" end
  if rest:find(with_query and "[#%s]" or "[?#%s]") then
    return nil, with_query and "must hold no blank and no #" or "must end before any query"
  end
  local host = authority:match("^(%[[%x:.]+%])") or authority:match("^([^:]+)")
  if not host then return nil, ("names no host: %s"):format(options.quote(url)) end
  return scheme, host
end

--- Whether what is sent to a URL goes over a network in the clear.
-- @tparam string scheme
-- @tparam string|nil host
-- @treturn boolean
function M.is_open(scheme, host) return scheme == "http" and not is_loopback(host) end

--- Checks where a server is to listen.
-- @tparam string address `127.0.0.1:8090`, `[::1]:8090` or `unix:/path`
-- @treturn string|nil what is wrong with it
function M.check_listen(address)
  if address:find("^unix:/.") then return nil end
  local host, port = address:match("^(%[[%x:.]+%]):(%d+)$")
  if not host then host, port = address:match("^([%w.-]+):(%d+)$") end
  if host and #port <= 5 and tonumber(port) <= 65535 then return nil end
  return ("must be ADDRESS:PORT or unix:/path, got %s"):format(options.quote(address))
end

--- Whether only this machine can reach where a server listens.
-- @tparam string address
-- @treturn boolean
function M.is_private(address)
  return address:find("^unix:") ~= nil or is_loopback(address:match("^(.*):%d+$") or "")
end

return M
