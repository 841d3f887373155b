-- The largest memory that a command line and everything it started ever held together, in KiB:
--   lua5.4 bench/memory.lua 'COMMAND LINE'
-- Looks every 20 ms at the proportional set size of each process (what they share is counted once), or
-- at the resident size where the kernel does not tell.
local line = assert(arg[1], "usage: lua5.4 bench/memory.lua 'COMMAND LINE'")

local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read("a")
  if file then file:close() end
  return text or ""
end

-- Every process whose ancestor is `root`, and itself.
local function tree(root)
  local parents = {}
  for name in io.popen("ls /proc"):lines() do
    if name:find("^%d+$") then
      parents[name] = read("/proc/" .. name .. "/stat"):match("^%d+ %(.*%) %a (%d+)")
    end
  end
  local members = {}
  for pid in pairs(parents) do
    local at = pid
    while at and at ~= root do at = parents[at] end
    if at == root then members[#members + 1] = pid end
  end
  return members
end

local started = io.popen(("{ %s\n} >/dev/null 2>&1 & echo $!"):format(line))
local root = started:read("l")
started:close()

local peak = 0
while read("/proc/" .. root .. "/stat"):find("^%d") do
  local now = 0
  for _, pid in ipairs(tree(root)) do
    local size = read("/proc/" .. pid .. "/smaps_rollup"):match("\nPss:%s+(%d+)")
      or read("/proc/" .. pid .. "/status"):match("\nVmRSS:%s+(%d+)")
    now = now + (tonumber(size) or 0)
  end
  peak = math.max(peak, now)
  os.execute("sleep 0.02")
end
print(math.tointeger(peak))
