--- An nginx with its Lua module for specs, out of packages that were unpacked and not installed (see .ci/unpack).
local core = require("tagua.core")
local support = require("spec.support")

local M = {}

--- Where it was unpacked; nil: specs that need it are for another time.
M.tree = os.getenv("TAGUA_NGINX")

local function trimmed(line) return (select(2, support.shell(line)):gsub("\n", "")) end

--- Makes a configuration of the example's form run here: this tree's modules, a port that is free.
-- @tparam string text
-- @tparam string folder for its files
-- @treturn string
function M.localised(text, folder)
  local here = trimmed("pwd")
  text = text:gsub("load_module modules/", "load_module " .. M.tree .. "/usr/lib/nginx/modules/")
  text = text:gsub("lua_package_path [^\n]*", function()
    return ('lua_package_path "%s/lua/?.lua;%s/usr/share/lua/5.1/?.lua;;";\n  '
      .. 'lua_package_cpath "/usr/lib/x86_64-linux-gnu/lua/5.1/?.so;/usr/lib/aarch64-linux-gnu/lua/5.1/?.so;;";\n  access_log off;\n  '
      .. "client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fast; uwsgi_temp_path uwsgi; scgi_temp_path scgi;")
      :format(here, M.tree)
  end)
  text = text:gsub("listen [^;]*;", "listen unix:" .. folder .. "/http.sock;")
  return "user root;\nworker_processes 1;\ndaemon off;\npid nginx.pid;\nerror_log error.log;\n" .. text
end

--- Starts it.
-- @tparam string folder
-- @tparam string text a configuration that was localised
-- @treturn string its address
-- @treturn function stops it
function M.start(folder, text)
  support.write(folder .. "/nginx.conf", text)
  local libraries = trimmed("dirname $(find " .. M.tree .. " -name 'libluajit*.so.2' | head -1)")
  assert(os.execute(("cd '%s' && LD_LIBRARY_PATH='%s' '%s/usr/sbin/nginx' -e error.log -p '%s' -c nginx.conf >log 2>&1 & echo $! >'%s/pid'")
    :format(folder, libraries, M.tree, folder, folder)))
  for _ = 1, 500 do
    if core.system.file_kind(folder .. "/http.sock") and core.system.file_kind(folder .. "/nginx.pid") then
      return "unix:" .. folder .. "/http.sock", function()
        os.execute(("kill $(cat '%s/nginx.pid') 2>/dev/null"):format(folder))
      end
    end
    core.system.sleep(0.02)
  end
  error("nginx does not start: " .. support.read(folder .. "/log") .. support.read(folder .. "/error.log"))
end

return M
