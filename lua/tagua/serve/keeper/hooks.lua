--- Bodies of the rule file's own hooks: a function of the rules turns each into events, which go into the inbox in the
-- transaction that forgets the body, so that each counts once. A body that the function refuses is told, and kept for
-- a while for whoever wants to see why.
local M = {}

local TOGETHER = 64 -- bodies that a worker is given at once
local EVENTS_MOST = 256 -- events of one transaction, unless one body holds more
local UNKNOWN_MS = 60 * 1000 -- so long a body waits for rules that have its hook
local KEPT_MS = 30 * 86400 * 1000 -- for so long a refused body

local Hooks = {}
Hooks.__index = Hooks

--- @tparam table k the keeper
function M.new(k)
  return setmetatable({ k = k }, Hooks)
end

--- The bodies that nobody has looked at, up to one whose hook these rules do not have and the next ones may: the
-- intake may have heard of it first.
-- @treturn {table,...}|nil
-- @treturn string message
-- @treturn string code
function Hooks:waiting()
  local k = self.k
  local raws, message, code = k.box:raws(k.name, k.state:get("raws"), TOGETHER)
  if not raws then
    return nil, message, code
  end
  local known, now = k.pool.ruleset.hooks or {}, k.now()
  for i, raw in ipairs(raws) do
    if not known[raw.hook] and now - raw.at < UNKNOWN_MS then
      return table.move(raws, 1, i - 1, 1, {})
    end
  end
  return raws
end

-- A body that is no event: said, counted, and left where it is.
function Hooks:refuse(raw, reason)
  local k = self.k
  k.counts.hooks.refused = k.counts.hooks.refused + 1
  k.log:seldom("warning", "hook_refused", ("hook '%s' can't make an event of a body: %s"):format(raw.hook, reason),
    { hook = raw.hook, number = raw.number })
end

-- Puts the events of some bodies into the inbox; where one of them can't be taken, each body alone.
function Hooks:take(made)
  local k, events, numbers = self.k, {}, {}
  for i, one in ipairs(made) do
    table.move(one.events, 1, #one.events, #events + 1, events)
    numbers[i] = one.raw.number
  end
  local taken, message, code = k.box:take({ events = events, parsed = { [k.name] = numbers } })
  if taken then
    k.counts.hooks.done = k.counts.hooks.done + #made
    return true
  elseif code ~= "EINPUT" then
    return nil, message, code
  elseif #made == 1 then
    self:refuse(made[1].raw, message)
    return true
  end
  for _, one in ipairs(made) do
    local ok
    ok, message, code = self:take({ one })
    if not ok then
      return nil, message, code
    end
  end
  return true
end

-- The events of a body, as the inbox takes them.
local function events_of(k, result)
  local events = {}
  for i, one in ipairs(result.events) do
    events[i] = { connection = k.name, source = "hook", user = one.user, type = one.type, at = one.at, id = one.id,
      fields = one.fields }
  end
  return events
end

-- Has the rules look at bodies -> for each its events, or why there are none.
function Hooks:hear(raws)
  local k, by_hook, results = self.k, {}, {}
  for i, raw in ipairs(raws) do
    local group = by_hook[raw.hook] or { bodies = {}, at = {}, places = {} }
    by_hook[raw.hook] = group
    table.insert(group.bodies, raw.body)
    table.insert(group.at, raw.at)
    table.insert(group.places, i)
  end
  for name, group in pairs(by_hook) do
    local heard, message, code = k.pool:hook(name, group.bodies, group.at)
    if not heard and code ~= "ERULES" then
      return nil, message, code
    end
    for i, place in ipairs(group.places) do
      results[place] = heard and heard[i] or { failed = message }
    end
  end
  return results
end

--- Turns bodies into events. Waits for a worker: part of the keeper's one task.
-- @tparam {table,...} raws
-- @treturn boolean|nil true
-- @treturn string message
-- @treturn string code
function Hooks:parse(raws)
  local k = self.k
  local results, message, code = self:hear(raws)
  if not results then
    return nil, message, code
  end
  local made, count = {}, 0
  local function flush()
    local ok = true
    if #made > 0 then
      ok, message, code = self:take(made)
    end
    made, count = {}, 0
    return ok
  end
  for i, raw in ipairs(raws) do
    local events = results[i].events and events_of(k, results[i])
    if events and count > 0 and count + #events > EVENTS_MOST and not flush() then
      return nil, message, code
    elseif events then
      made[#made + 1], count = { raw = raw, events = events }, count + #events
    else
      self:refuse(raw, results[i].failed)
    end
  end
  if not flush() then
    return nil, message, code
  end
  return k.state:set("raws", raws[#raws].number)
end

--- Forgets refused bodies that were kept for long enough.
-- @treturn boolean|nil
-- @treturn string message
-- @treturn string code
function Hooks:forget()
  local k = self.k
  local gone, message, code = k.box:forget_raws(k.name, k.state:get("raws"), k.now() - KEPT_MS)
  return gone and true, message, code
end

return M
