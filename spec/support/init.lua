--- What specs share: where the built tree is, temporary folders, running the command.
local core = require("tagua.core")

local M = {}

M.build = os.getenv("TAGUA_BUILD") or "build"
M.tagua = M.build .. "/tagua"

--- The Lua that runs the specs, for those that run another: or one that watches over what they run.
M.lua = os.getenv("TAGUA_LUA") or "lua" .. _VERSION:match("%d+%.%d+")

--- Whether the specs run on what the rock holds, which is less than the tree.
M.rock = os.getenv("TAGUA_ROCK") ~= nil

--- Whether the tree was built with sanitizers: everything is slower, and memory is not what it seems.
M.sanitized = os.getenv("TAGUA_SANITIZED") ~= nil

--- A new empty folder, removed with all that is in it by the returned function.
-- @treturn string its path
-- @treturn function removes it
function M.folder()
  local path = "/tmp/tagua-spec-" .. core.system.pid() .. "-" .. core.system.random_hex(6)
  assert(core.system.make_folder(path))
  return path, function() os.execute("rm -rf '" .. path .. "'") end
end

--- Writes a file.
function M.write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

--- Reads a file whole.
function M.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

--- Runs a shell command line.
-- @treturn integer exit code (128 + signal when it was killed)
-- @treturn string standard output
-- @treturn string standard error
function M.shell(line)
  local folder, remove = M.folder()
  local _, how, code = os.execute("{ " .. line .. "\n} >" .. folder .. "/out 2>" .. folder .. "/err </dev/null")
  local out, err = M.read(folder .. "/out"), M.read(folder .. "/err")
  remove()
  return how == "signal" and 128 + code or code, out, err
end

return M
