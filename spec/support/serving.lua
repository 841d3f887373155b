--- A `tagua serve` in processes of its own, in a folder with its rules and connections.
local core = require("tagua.core")
local http = require("spec.support.http")
local json = require("tagua.json")
local support = require("spec.support")

local M = {}

--- Starts one for the connection `shop`, again where one was, and waits until it takes events.
-- @tparam string folder with `rules.lua` and `connections.lua`; what it prints goes to `serve.log` there
-- @treturn table `socket` and `admin`: addresses; `token`: the admin token; `stop()`, `kill()`
function M.start(folder)
  os.remove(folder .. "/serve.out")
  assert(os.execute(("cd '%s' && XDG_STATE_HOME='%s/state' '%s' serve --json --rules rules.lua --to shop "):format(folder,
    folder, support.tagua) .. ">serve.out 2>serve.log & echo $! >'" .. folder .. "/serve.pid'"))
  local pid
  local self = {}
  function self.stop()
    os.execute("kill " .. (pid or support.read(folder .. "/serve.pid"):match("%d+")) .. " 2>/dev/null")
  end
  -- As a machine that loses its power: nothing is finished.
  function self.kill() os.execute("kill -9 " .. pid) end
  for _ = 1, 1000 do
    local said = core.system.file_kind(folder .. "/serve.out") and support.read(folder .. "/serve.out"):match("^(.-)\n")
    if said then
      local told = assert(json.decode(said))
      pid = support.read(folder .. "/serve.pid"):match("%d+")
      self.socket, self.admin = told.socket, told.admin:gsub("^http://", "")
      self.token = support.read(folder .. "/state/tagua/page.token"):gsub("%s+$", "")
      return self
    end
    core.system.sleep(0.02)
  end
  self.stop()
  error("tagua serve does not start: " .. support.read(folder .. "/serve.log"))
end

--- Asks something of a server that another process works.
-- @tparam string address
-- @tparam table request of spec.support.http
-- @treturn table the answer, its body read in `json`
function M.ask(address, request)
  local client = http.start(address, http.text(request))
  http.finish(function() core.system.sleep(0.005) end, { client })
  local answer = client.answer()
  answer.json = json.decode(answer.body or "")
  return answer
end

--- Waits until something is so.
-- @tparam string what
-- @tparam function look gives what it found, or nothing
-- @return what it found
function M.wait_for(what, look)
  for _ = 1, 2000 do
    local found = look()
    if found then return found end
    core.system.sleep(0.01)
  end
  error("still waiting after 20 seconds: " .. what, 2)
end

return M
