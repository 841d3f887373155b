--- Bodies of webhooks through a worker: handed to a hook of the rule file in pieces, and what came of each. What a
-- hook's function can do to its worker is the worker's end, and the others are heard without that body.
-- @module tagua.rules.hearing
local core = require("tagua.core")

local M = {}

local workers = core.workers

local MOST, MOST_BYTES = 64, 4 * 1024 * 1024 -- bodies that a worker is given at once

-- One request to a hook -> its results, or nil, message, code.
local function ask(pool, request)
  local worker, message, code = pool:any()
  if not worker then return nil, message, code end
  local bytes
  bytes, message, code = workers.write(request)
  if not bytes then return nil, message, code end
  local sent
  sent, message, code = worker.handle:send("H", bytes)
  if not sent then return nil, message, code end
  worker.expected[#worker.expected + 1] = { kind = "hook" }
  local ended
  bytes, message, code, ended = pool:answer(worker)
  if not bytes then return nil, message, code, ended end
  return assert(workers.read(bytes))
end

--- Has a hook of the rule file turn bodies of webhooks into events. A body costs only itself: what its function
-- does to the worker, or to the time, is told in its own result, and the others have theirs.
-- @tparam table pool
-- @tparam string name of the hook
-- @tparam {string,...} bodies JSON texts
-- @tparam integer|{integer,...} at when they came, in milliseconds; one for all, or one for each
-- @treturn {table,...}|nil for each body `events`, `{ user, type, at, id, fields }`, or `failed`, why not
-- @treturn string message
-- @treturn string "ERULES" where there is no such hook; "EIO" where no worker starts
function M.hear(pool, name, bodies, at)
  if not (pool.ruleset.hooks or {})[name] then
    return nil, ("%s has no hook '%s'"):format(pool.file.name, name), "ERULES"
  end
  local results = {}
  local function hear(first, last)
    local times = type(at) == "table" and table.move(at, first, last, 1, {}) or at
    local request = { hook = name, bodies = table.move(bodies, first, last, 1, {}), at = times }
    local heard, message, code, ended = ask(pool, request)
    if heard then
      table.move(heard, 1, #heard, first, results)
    elseif first == last and (ended or code == "ERULES" or code == "ETOOBIG") then
      results[first] = { failed = message }
    elseif first == last then
      return nil, message, code
    else -- one of them ended the worker: each alone, so that it is that one's end only
      for i = first, last do
        local ok
        ok, message, code = hear(i, i)
        if not ok then return nil, message, code end
      end
    end
    return true
  end
  local first = 1
  while first <= #bodies do
    local last, size = first, #bodies[first]
    while last < #bodies and last - first + 1 < MOST and size + #bodies[last + 1] <= MOST_BYTES do
      last = last + 1
      size = size + #bodies[last]
    end
    local ok, message, code = hear(first, last)
    if not ok then return nil, message, code end
    first = last + 1
  end
  return results
end

return M
