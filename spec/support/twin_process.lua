--- A twin in a process of its own, for specs of programs that talk to one.
local support = require("spec.support")

local M = {}

local SERVE = [[
local core = require("tagua.core")
core.system.catch_signals()
local token = assert(core.secret.file(arg[1] .. "/token"))
local twin = assert(require("tagua.twin").open({
  store = arg[1] .. "/twin.db", address = "unix:" .. arg[1] .. "/twin.sock",
}))
assert(twin:add_token(token, { bot = "bot-WDCLEHlTw" }))
local ready = io.open(arg[1] .. "/ready", "w")
ready:write(core.system.pid())
ready:close()
twin:run(function() return core.system.interrupted() > 0 end)
twin:close()
]]

--- What to put before `lua5.4` in a shell line, so that it finds the built tree from any folder.
-- @treturn string
function M.environment()
  local pwd = assert(io.popen("pwd"))
  local here = pwd:read("l")
  pwd:close()
  local build = support.build:sub(1, 1) == "/" and support.build or here .. "/" .. support.build
  return ("LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua;;' LUA_CPATH='%s/lib/?.so;;'"):format(here, here, build)
end

--- Starts one, and waits until it listens.
-- @tparam string folder for its socket and store; its bearer token, for the bot `bot-WDCLEHlTw`, is in
--   the file `token` there
-- @treturn string its address, as a connection's `url` takes it
-- @treturn function stops it
function M.start(folder)
  support.write(folder .. "/serve.lua", SERVE)
  assert(os.execute(("%s lua5.4 '%s/serve.lua' '%s' </dev/null >'%s/log' 2>&1 &"):format(
    M.environment(), folder, folder, folder)))
  for _ = 1, 200 do
    local ready = io.open(folder .. "/ready")
    local pid = ready and ready:read("n")
    if ready then ready:close() end
    if pid then
      return "unix:" .. folder .. "/twin.sock", function() os.execute("kill " .. pid .. " 2>/dev/null") end
    end
    require("tagua.core").system.sleep(0.02)
  end
  error("the twin does not start: " .. support.read(folder .. "/log"))
end

return M
