--- Keeps a rule file as it was when it was loaded: its tables become read-only, and the locals that its
-- functions could assign are known, so that the decider can put them back.
-- Runs inside the sandbox as part of the trusted prelude, and in the caller's own state.
-- @module tagua.rules.frozen
local bytecode = require("tagua.rules.bytecode")

local M = {}

local getinfo, getupvalue, setupvalue, upvalueid = debug.getinfo, debug.getupvalue, debug.setupvalue, debug.upvalueid
local real_getmetatable = debug.getmetatable

local KEEPS = "a rule keeps nothing from one user to the next"

local Freezer = {}
Freezer.__index = Freezer

-- A view of a table that looks like it and can't be written to. The table's own metamethods see the view.
function Freezer:view(content)
  local own = real_getmetatable(content)
  local meta = {}
  local view = setmetatable({}, meta)
  self.views[content], self.contents[view] = view, content
  for name, value in pairs(type(own) == "table" and own or {}) do
    meta[name] = self:visit(value)
  end
  local look = meta.__index
  meta.__index = content
  if look ~= nil then
    setmetatable(content, nil)
    meta.__index = function(_, key)
      local value = content[key]
      if value ~= nil then return value end
      if type(look) == "function" then return look(view, key) end
      return look[key]
    end
  end
  function meta.__newindex(_, key)
    error(("the table that holds '%s' is written inside a rule: %s"):format(tostring(key), KEEPS), 2)
  end
  meta.__len = meta.__len or function()
    return #content
  end
  meta.__pairs = meta.__pairs or function()
    local key
    return function()
      local value
      key, value = next(content, key)
      return key, value
    end
  end
  meta.__mode, meta.__metatable = nil, false
  return view
end

-- Freezes what a table holds, then the table.
function Freezer:visit_table(content)
  if self.trusted[content] or self.contents[content] then return content end
  if self.views[content] then return self.views[content] end
  local view = self:view(content)
  local moved = {}
  for key, value in next, content do
    content[key] = self:visit(value)
    if type(key) == "table" or type(key) == "function" then moved[#moved + 1] = key end
  end
  for _, key in ipairs(moved) do
    local name = self:visit(key)
    if name ~= key then
      content[name], content[key] = content[key], nil
    end
  end
  return view
end

-- Freezes what a function of the rule file closes over, and notes what it can assign of that.
function Freezer:visit_function(f)
  local info = getinfo(f, "S")
  if self.seen[f] or not self.sources[info.source] or info.what == "C" then return end
  self.seen[f] = true
  local assigned = bytecode.assigned(f)
  for i = 1, 255 do
    local name, value = getupvalue(f, i)
    if not name then break end
    local id = upvalueid(f, i)
    if not self.closed[id] then
      self.closed[id] = true
      local frozen = self:visit(value)
      if not rawequal(frozen, value) then setupvalue(f, i, frozen) end
    end
    if assigned[i] and not self.watched[id] then
      self.watched[id] = true
      self.kept[#self.kept + 1] = { f = f, index = i, name = name }
    end
  end
end

--- What takes a value's place: itself, or a view of it.
function Freezer:visit(value)
  if type(value) == "table" then return self:visit_table(value) end
  if type(value) == "function" then self:visit_function(value) end
  return value
end

--- A freezer for the functions of a rule file and those that it includes.
-- @tparam {[string]=any} sources the names of the files' chunks
-- @tparam {[table]=boolean} trusted tables of the language itself
-- @treturn table with `visit(value)`, which freezes and gives what takes the value's place; `kept`, the
--   { f, index, name } of upvalues that can be assigned; `contents`, the table behind each view
function M.new(sources, trusted)
  return setmetatable({
    sources = sources, trusted = trusted, views = {}, contents = {}, seen = {}, closed = {}, watched = {}, kept = {},
  }, Freezer)
end

return M
