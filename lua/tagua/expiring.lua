--- Takes off the tags that are past their time: the plan of it, for whoever sends it. Needs no rule file and no
-- input, and no guard looks at it: the end of each tag was said when it was put on.
local M = {}

local TOGETHER = 5000 -- where some are spared, so many at a time

-- Adds what is due and not spared, one by one.
local function add_others(run, due, spared)
  local added = 0
  for _, one in ipairs(due) do
    if not spared(one.user, one.tag) then
      run:add({ user = one.user, tag = one.tag, action = "untag" })
      added = added + 1
    end
  end
  return added
end

--- Plans it.
-- @param book the ledger's side of the connection
-- @tparam integer at seconds since the epoch
-- @tparam ?function spared (user, tag id) -> whether to leave it on for now
-- @treturn table|nil the run, ready; nil alone where nothing is due
-- @treturn string message
-- @treturn string code
function M.plan(book, at, spared)
  local due, count, code = book:due(at, spared and TOGETHER or 0)
  if not due then
    return nil, count, code
  elseif count == 0 then
    return nil
  end
  local run, message
  run, message, code = book:plan({ kind = "expire", at = at })
  if not run then
    return nil, message, code
  end
  local added
  if spared then
    added = add_others(run, due, spared)
  else
    added, message, code = run:add_due(at)
  end
  local ready
  if added then
    ready, message, code = run:ready()
  end
  if not ready or added == 0 then
    run:discard()
    return nil, message, code
  end
  return run
end

return M
