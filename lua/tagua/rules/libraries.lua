--- What of Lua's own library a rule file gets: copies that cannot be written to, without what does
-- input or output, loads code, looks behind metatables, or gives another answer tomorrow.
-- Runs inside the sandbox as part of the trusted prelude, and in the caller's own state.
-- @module tagua.rules.libraries
local M = {}

local error, pcall, rawget, setmetatable, type = error, pcall, rawget, setmetatable, type

--- The functions that a rule file gets by their names.
M.base = {
  "assert", "error", "ipairs", "next", "pairs", "pcall", "rawequal", "rawlen", "select", "tonumber", "tostring",
  "type",
}

--- The libraries it gets, each without the functions that are named.
M.libraries = {
  string = { dump = true },
  table = {},
  math = { random = true, randomseed = true },
  utf8 = {},
}

local PURE = "a rule reads the user and the run's clock, and nothing else"

--- Why a name that people know from Lua is not there.
M.absent = {
  collectgarbage = PURE, coroutine = PURE, debug = PURE, dofile = PURE, getmetatable = PURE, io = PURE, load = PURE,
  loadfile = PURE, loadstring = PURE, os = PURE .. "; the time is now()", package = PURE, print = PURE,
  rawget = "read a field by its name", rawset = "a rule writes nothing", require = PURE, setfenv = PURE,
  getfenv = PURE, warn = PURE, unpack = "it is table.unpack",
}

-- A table that shows `content` and refuses to be written to.
local function read_only(name, content, missing)
  return setmetatable({}, {
    __index = setmetatable(content, {
      __index = function(_, key)
        missing(name, key)
      end,
    }),
    __newindex = function(_, key)
      error(("'%s' is read-only: '%s' cannot be written"):format(name, tostring(key)), 2)
    end,
    __name = name,
    __metatable = false,
  })
end

-- setmetatable without __gc: a finalizer runs when nobody watches.
local function safe_setmetatable(value, metatable)
  if type(value) ~= "table" then error("setmetatable wants a table, got a " .. type(value), 2) end
  if metatable ~= nil and type(metatable) ~= "table" then
    error("setmetatable wants a metatable or nil, got a " .. type(metatable), 2)
  end
  if metatable and rawget(metatable, "__gc") ~= nil then
    error("setmetatable refuses __gc: a finalizer would run outside any rule", 2)
  end
  local ok, result = pcall(setmetatable, value, metatable)
  if not ok then error(result, 2) end
  return result
end

local function handled(handler, ok, ...)
  if ok then return ok, ... end
  return false, handler(...)
end

-- xpcall whose handler runs after the stack has been unwound: a handler that runs while the error
-- is being raised could not be stopped.
local function safe_xpcall(f, handler, ...)
  if type(handler) ~= "function" then error("xpcall wants a function as handler, got a " .. type(handler), 2) end
  return handled(handler, pcall(f, ...))
end

--- Builds the libraries.
-- @tparam function missing is called with a library and a name that it does not have; must raise
-- @treturn table globals by name
-- @treturn table the string library behind its read-only front, for the metatable of strings
function M.new(missing)
  local globals = { setmetatable = safe_setmetatable, xpcall = safe_xpcall, _VERSION = _VERSION }
  for _, name in ipairs(M.base) do
    globals[name] = _G[name]
  end
  local strings
  for name, without in pairs(M.libraries) do
    local content = {}
    for key, value in pairs(_G[name]) do
      if not without[key] then content[key] = value end
    end
    if name == "string" then strings = content end
    globals[name] = read_only(name, content, missing)
  end
  return globals, strings
end

return M
