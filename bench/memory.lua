-- The most memory that a command line and everything it started ever held, in KiB: the sum of each
-- process's own peak of resident memory, as the kernel keeps it (VmHWM), looked at every few milliseconds.
--   lua5.4 bench/memory.lua 'COMMAND LINE'
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

local peaks = {}
while read("/proc/" .. root .. "/stat"):find("%) [^ZX]") do
  for _, pid in ipairs(descendants(root, {})) do
    local peak = read("/proc/" .. pid .. "/status"):match("\nVmHWM:%s+(%d+)")
    if peak then peaks[pid] = math.tointeger(peak) end -- it never falls, but begins anew with an exec
  end
  os.execute("sleep 0.005")
end

local sum = 0
for _, peak in pairs(peaks) do sum = sum + peak end
print(sum)
