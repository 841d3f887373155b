-- The most memory that a command line and everything it started held at one time, in KiB: the sum of their
-- proportional set sizes (PSS), looked at every few milliseconds.
--   lua5.4 bench/memory.lua 'COMMAND LINE'
local core = require("tagua.core")

local line = assert(arg[1], "usage: lua5.4 bench/memory.lua 'COMMAND LINE'")

local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read("a")
  if file then file:close() end
  return text or ""
end

-- The processes that `pid` started, and those that they started, added to `list`.
local function descendants(pid, list)
  list[#list + 1] = pid
  for child in read(("/proc/%s/task/%s/children"):format(pid, pid)):gmatch("%d+") do descendants(child, list) end
  return list
end

local started = io.popen(("{ %s\n} >/dev/null 2>&1 & echo $!"):format(line))
local root = started:read("l")
started:close()

if not io.open(("/proc/%s/task/%s/children"):format(root, root)) and io.open("/proc/" .. root) then
  error("this kernel does not tell which processes a process started (CONFIG_PROC_CHILDREN)")
end

local most = 0
while read("/proc/" .. root .. "/stat"):find("%) [^ZX]") do
  local sum = 0
  for _, pid in ipairs(descendants(root, {})) do
    sum = sum + (tonumber(read("/proc/" .. pid .. "/smaps_rollup"):match("\nPss:%s+(%d+)")) or 0)
  end
  most = math.max(most, sum)
  core.system.sleep(0.01)
end
print(most)
