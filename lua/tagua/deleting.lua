--- Carries a run of deletions out: one tag or folder at a time, the intent on disk before the request, the
-- result after it. A lost answer is settled by reading the tag. What a folder took along is not asked for
-- again. Stands in the place of `tagua.apply` for runs of the kind `delete`.
local core = require("tagua.core")

local M = {}

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

local function wait_until(self, due_ns)
  while now_ns() < due_ns do
    if self:interrupted() then
      return false
    end
    self.job.connection:poll(math.min((due_ns - now_ns()) / 1e9, 0.5))
  end
  return true
end

-- What became of a deletion whose answer was lost. Without a verdict it stays marked as sending: the next
-- run asks first.
function Deleting:settle(entry, lost_ns, why)
  for reading = 1, 2 do
    local there, message, code = self:exists(entry.tag)
    if there == nil then
      if self.job.connection:stopped() or code == "ENETWORK" or code == "ETIMEOUT" or code == "ECANCELLED" then
        self:stop(UNREAD:format(entry.name, message) .. "; run again to settle it", code)
      else
        self.run:result(entry.seq, "ambiguous", "EAMBIGUOUS",
          UNREAD:format(entry.name, message) .. "; look in the platform's console")
      end
      return
    elseif not there then
      self.run:result(entry.seq, "unattributed", nil, "the answer was lost, and the tag is gone")
      return
    elseif reading == 1 and not wait_until(self, lost_ns + math.floor(self.job.quarantine * 1e9)) then
      return
    end
  end
  self.resends[entry.seq] = (self.resends[entry.seq] or 0) + 1
  if self.resends[entry.seq] > RESENDS then
    self.run:result(entry.seq, "failed", "ETIMEOUT", why)
  else
    self.run:result(entry.seq, "returned")
  end
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
    self:settle(entry, now_ns(), message)
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
  return setmetatable({ job = job, run = run, gone = {}, resends = {} }, Deleting)
end

--- Carries the run out to its end, as `tagua.apply`'s: a turn is the whole of it, for there are few.
-- @treturn table `{ sums =, created = 0, state =, message =, code = }`
function Deleting:turn()
  while not self:interrupted() do
    local batch, message, code = self.run:next(1)
    if not batch then
      self:stop(message, code)
    elseif not batch[1] then
      break
    else
      self:delete(batch[1])
      local ok
      ok, message, code = self.run:flush()
      if not ok then
        self:stop(message, code)
      end
    end
    if self.job.progress then
      self.job.progress(self.run)
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
    self:settle(entry, now_ns(), "the process ended before the answer")
  end
  local ok
  ok, message, code = run:flush()
  if not ok then
    return nil, message, code
  elseif self.stopping then
    return nil, self.message or "interrupted while settling an earlier run", self.code
  end
  return run:sums()
end

return M
