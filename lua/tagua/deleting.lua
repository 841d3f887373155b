--- Carries a run of deletions out: one tag or folder at a time, the intent on disk before the request, the
-- result after it. A lost answer is settled by reading the tag. What a folder took along is not asked for
-- again. Stands in the place of `tagua.apply` for runs of the kind `delete`.
local core = require("tagua.core")

local M = {}

local TICK = 0.5 -- seconds that a wait lasts at most before others are looked at
local RESENDS = 3 -- times a deletion that was proved without effect is asked for again
local UNREAD = "cannot read back whether the tag '%s' was deleted: %s"
local GONE = "it was not there any more"

local Deleting = {}
Deleting.__index = Deleting

local function now_ns()
  return core.system.monotonic_ns()
end

-- Begins nothing more, for the first reason given.
function Deleting:stop(message, code)
  if not self.stopping then
    self.stopping, self.message, self.code = code == "EINTERRUPTED" and "interrupted" or "stopped", message, code
  end
end

-- Whether to begin nothing more.
function Deleting:interrupted()
  if self.job.interrupted and self.job.interrupted() then
    self:stop(nil, "EINTERRUPTED")
  end
  local message, code
  if self.job.closed then
    message, code = self.job.closed()
    if message then self:stop(message, code) end
  end
  message, code = self.job.connection:stopped()
  if message then
    self:stop(message, code)
  end
  return self.stopping ~= nil
end

-- Whether the platform has the tag: true, false, or nil, message, code.
function Deleting:exists(id)
  local tag, message, code = self.job.connection:get_tag(id)
  if tag then
    return true
  elseif code == "ENOTFOUND" then
    return false
  end
  return nil, message, code
end

-- What became of a deletion whose answer was lost. Without a verdict it stays marked as sending: the next
-- run asks first. One that the platform still has rests until the quarantine is over, and is read again.
function Deleting:settle(lost, rested)
  local entry = lost.entry
  local there, message, code = self:exists(entry.tag)
  if there == nil then
    if self.job.connection:stopped() or code == "ENETWORK" or code == "ETIMEOUT" or code == "ECANCELLED" then
      self:stop(UNREAD:format(entry.name, message) .. "; run again to settle it", code)
    else
      self.run:result(entry.seq, "ambiguous", "EAMBIGUOUS",
        UNREAD:format(entry.name, message) .. "; look in the platform's console")
    end
  elseif not there then
    self.run:result(entry.seq, "unattributed", nil, "the answer was lost, and the tag is gone")
  elseif not rested then
    lost.due_ns = lost.lost_ns + math.floor(self.job.quarantine * 1e9)
    self.resting[#self.resting + 1] = lost
  else
    self.resends[entry.seq] = (self.resends[entry.seq] or 0) + 1
    if self.resends[entry.seq] > RESENDS then
      self.run:result(entry.seq, "failed", "ETIMEOUT", lost.message)
    else
      self.run:result(entry.seq, "returned")
    end
  end
end

-- Reads those once more whose quarantine is over.
function Deleting:settle_rested()
  local resting = self.resting
  self.resting = {}
  for _, lost in ipairs(resting) do
    if lost.due_ns > now_ns() then
      self.resting[#self.resting + 1] = lost
    elseif not self:interrupted() then
      self:settle(lost, true)
    end
  end
end

--- When the run goes on, where it has nothing to do but to wait until lost answers can be settled.
-- @treturn ?integer on the monotonic clock, in nanoseconds
function Deleting:rests_until()
  local due_ns
  for _, lost in ipairs(self.idle and self.resting or {}) do
    due_ns = math.min(due_ns or lost.due_ns, lost.due_ns)
  end
  return due_ns
end

-- Waits a moment for the next quarantine to be over.
function Deleting:rest()
  self.idle = true
  local left = (self:rests_until() - now_ns()) / 1e9
  self.job.connection:poll(math.max(0, math.min(left, TICK)))
end

-- One deletion, from the request to the result.
function Deleting:delete(entry)
  if self.gone[entry.tag] then
    self.gone[entry.tag] = nil
    self.run:result(entry.seq, "done") -- its folder took it along
    return
  end
  local ids, message, code = self.job.connection:delete_tag(entry.tag)
  local stopped = self.job.connection:stopped()
  if ids then
    for _, id in ipairs(ids) do
      self.gone[id] = true
    end
    self.gone[entry.tag] = nil
    self.run:result(entry.seq, "done")
  elseif code == "ENOTFOUND" then
    self.run:result(entry.seq, "unattributed", nil, GONE)
  elseif code == "EAMBIGUOUS" then
    self:settle({ entry = entry, lost_ns = now_ns(), message = message })
  elseif code == "ECANCELLED" or stopped then
    self.run:result(entry.seq, "returned")
    self:stop(stopped or nil, stopped and code or "EINTERRUPTED")
  else
    self.run:result(entry.seq, "failed", code, message)
  end
end

-- Forgets what folders took along that was not part of the plan.
function Deleting:forget_rest()
  local ids = {}
  for id in pairs(self.gone) do
    ids[#ids + 1] = id
  end
  return #ids == 0 or self.job.book:forget_tags(ids)
end

--- Takes a run up, as `tagua.apply.begin`.
-- @tparam table job as `tagua.apply` takes it
-- @param run
-- @treturn table with `turn`
function M.begin(job, run)
  return setmetatable({ job = job, run = run, gone = {}, resends = {}, resting = {} }, Deleting)
end

-- Commits what is known; a ledger that cannot take it stops the run.
function Deleting:flush()
  local ok, message, code = self.run:flush()
  if not ok then
    self:stop(message, code)
  end
end

--- Carries the run out, to its end or until others have to go first, as `tagua.apply`'s.
-- @tparam ?function yields tells whether they do
-- @treturn ?table `{ sums =, created = 0, state =, message =, code = }`; nil where it left off for others
function Deleting:turn(yields)
  while not self:interrupted() do
    self.idle = false
    self:settle_rested()
    local batch, message, code = self.run:next(1)
    if not batch then
      self:stop(message, code)
    elseif batch[1] then
      self:delete(batch[1])
    elseif self.resting[1] then
      self:rest()
    else
      break
    end
    self:flush()
    if self.job.progress then
      self.job.progress(self.run)
    end
    if yields and not self.stopping and yields() then
      return nil
    end
  end
  local ok, message, code = self:forget_rest()
  if not ok then
    self:stop(message, code)
  end
  local state = self.stopping or "done"
  self.run:finish(state, self.message)
  return { sums = self.run:sums(), created = 0, state = state, message = self.message, code = self.code }
end

--- Settles what an earlier run of deletions left behind, as `tagua.apply.recover`.
-- @tparam table job
-- @param run
-- @treturn ?table the sums; nil, message, code when it could not be settled
function M.recover(job, run)
  local self = M.begin(job, run)
  local unsettled, message, code = run:unsettled()
  if not unsettled then
    return nil, message, code
  end
  for _, entry in ipairs(unsettled) do
    if not self:interrupted() then
      self:settle({ entry = entry, lost_ns = now_ns(), message = "the process ended before the answer" })
    end
  end
  while self.resting[1] and not self:interrupted() do
    self:rest()
    self:settle_rested()
  end
  self:flush()
  if self.stopping then
    return nil, self.message or "interrupted while settling an earlier run", self.code
  end
  return run:sums()
end

return M
