--- Runs the real executable as its users do: in a folder of its own, at a terminal, in the background.
local core = require("tagua.core")
local support = require("spec.support")

local M = {}

--- Waits until a condition holds, 20 seconds at most -> what it gave, or nil.
function M.await(condition)
  for _ = 1, 1000 do
    local value = condition()
    if value then
      return value
    end
    core.system.sleep(0.02)
  end
  return nil
end

local Place = {}
Place.__index = Place

local here = io.popen("pwd -P"):read("l")
local tagua = (support.tagua:sub(1, 1) == "/" and "" or here .. "/") .. support.tagua

--- A new folder with its own configuration, state and ledger; `remove` it when done.
-- @treturn table place
function M.place()
  local folder, remove = support.folder()
  return setmetatable({ folder = folder, remove = remove, running = {} }, Place)
end

--- The shell line that runs tagua in this folder.
-- @tparam string arguments as they are typed
-- @tparam[opt] string before assignments of environment variables
function Place:line(arguments, before)
  return ("cd %s && XDG_CONFIG_HOME=%s/config XDG_STATE_HOME=%s/state %s %s %s"):format(
    self.folder, self.folder, self.folder, before or "", tagua, arguments)
end

--- Runs it -> exit code, standard output, standard error.
function Place:run(arguments, before)
  return support.shell(self:line(arguments, (before or "") .. " timeout -k 5 60"))
end

--- Runs it at a terminal where `typed` is typed, after `delay` seconds -> exit code, all that the
-- terminal shows.
function Place:at_terminal(arguments, typed, before, delay)
  local script = self:write("terminal.sh", "exec env TERM=xterm sh -c '"
    .. self:line(arguments, before):gsub("'", "'\\''") .. "'\n")
  local code, out = support.shell(("{ sleep %g; printf '%s'; } | timeout 20 script -qec 'sh %s' /dev/null"):format(
    delay or 0, typed, script))
  return code, (out:gsub("\r\n", "\n"))
end

--- Writes a file of the folder -> its path.
function Place:write(name, text)
  return support.write(self.folder .. "/" .. name, text)
end

--- Reads a file of the folder.
function Place:read(name)
  return support.read(self.folder .. "/" .. name)
end

--- What a query to a database of the folder prints.
-- @tparam string file
-- @tparam string query
-- @treturn string
function Place:sqlite(file, query)
  local path = self:write("query.sql", ".timeout 20000\n" .. query .. ";\n")
  local _, out, err = support.shell(("sqlite3 -batch %s/%s <%s"):format(self.folder, file, path))
  return out .. err
end

local Process = {}
Process.__index = Process

--- Starts it in the background -> process.
function Place:start(arguments, before)
  local name = "process-" .. core.system.random_hex(4)
  local path = self.folder .. "/" .. name
  support.write(path .. ".sh", self:line(arguments, before):gsub("&& ", "&& exec env ", 1) .. "\n")
  os.execute(("( sh %s.sh >%s.out 2>%s.err </dev/null & echo $! >%s.pid; wait $!; echo $? >%s.rc ) 2>/dev/null &"):format(
    path, path, path, path, path))
  local process = setmetatable({ path = path }, Process)
  assert(process:await(function() return process:file("pid"):match("%d+\n") end), "did not start")
  process.pid = process:file("pid"):match("%d+")
  self.running[#self.running + 1] = process
  return process
end

--- What a file of the process holds now: out, err, rc.
function Process:file(kind)
  local file = io.open(self.path .. "." .. kind, "rb")
  local text = file and file:read("a") or ""
  if file then
    file:close()
  end
  return text
end

--- Waits until a condition holds, see `await`.
function Process.await(_, condition)
  return M.await(condition)
end

--- Waits for a line of its output -> what of it the pattern matches; nil when it ended without.
function Process:line(pattern, kind)
  local found
  self:await(function()
    found = self:file(kind or "out"):match(pattern)
    return found or self:file("rc") ~= ""
  end)
  return found or self:file(kind or "out"):match(pattern)
end

--- Waits for the first line of its output -> the line.
function Process:first_line()
  return self:line("^([^\n]*)\n")
end

--- Sends a signal.
function Process:signal(name)
  os.execute(("kill -%s %s 2>/dev/null"):format(name, self.pid))
end

--- Waits for its end -> exit code, standard output, standard error.
function Process:wait()
  local code = self:await(function() return self:file("rc"):match("%d+") end)
  return code and math.tointeger(tonumber(code)), self:file("out"), self:file("err")
end

--- Ends what still runs and removes the folder.
function Place:close()
  for _, process in ipairs(self.running) do
    if process:file("rc") == "" then
      process:signal("KILL")
      process:wait()
    end
  end
  self.remove()
end

return M
