--- A worker for rules in an interpreter of its own: `lua5.4 worker.lua CORE`, started by tagua.rules.sandbox with
-- two pipes for standard input and output, and nothing else. Reads the modules that rules need into memory, and
-- is a worker from then on: it opens no file any more.
local core_file = ...
local folder = arg[0]:match("^(.*)/tagua/rules/worker%.lua$")
local core = assert(package.loadlib(core_file, "luaopen_tagua_core"))()

local function read(name)
  local path = folder .. "/" .. name:gsub("%.", "/")
  for _, file in ipairs({ path .. ".lua", path .. "/init.lua" }) do
    local handle = io.open(file, "rb")
    if handle then
      local source = handle:read("a")
      handle:close()
      return { name = name, file = file, source = source }
    end
  end
  error("there is no module " .. name)
end

local modules, found = {}, { ["tagua.core"] = true }
local todo = { "tagua.rules.language" }
while #todo > 0 do
  local name = table.remove(todo)
  if not found[name] then
    found[name] = true
    local module = read(name)
    modules[#modules + 1] = module
    for wanted in module.source:gmatch('require%(?"(tagua[%w_.]+)"') do todo[#todo + 1] = wanted end
  end
end
core.workers.run(modules)
