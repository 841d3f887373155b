--- Settles the operations of a run whose answers were lost: reads the users' tags, as many at a time as may be
-- in flight, and files what `tagua.settle` makes of them. What is filed reaches the disk while it goes on, so
-- that being killed again and again still comes to an end.
local core = require("tagua.core")
local settle = require("tagua.settle")

local M = {}

local RESENDS = 3 -- times an operation whose effect was proved absent is sent again
local PATIENCE = 0.1 -- seconds that what was settled may wait for its commit
local WINDOW = 2 -- readings that are handed over, in times those that may be in flight

-- The methods of a run that is carried out; tagua.apply has the others.
local Settling = {}
M.methods = Settling

local function now_ns()
  return core.system.monotonic_ns()
end

-- The image of a tag in a list of a user's tags.
local function image_of(tags, wanted)
  for _, tag in ipairs(tags) do
    if tag.id == wanted then
      return { present = true, timestamp = tag.timestamp }
    end
  end
  return { present = false }
end

-- What one reading of its user makes of a lost operation: closes it, or tells that it must wait or may be
-- sent again.
function Settling:judge(lost, reading, after_quarantine)
  local entry = lost.entry
  if not reading.tags then
    -- It stays marked as sending: the next run settles it. A user whom the platform does not know
    -- will not be known then either.
    if reading.code == "ENOTFOUND" or reading.code == "ENOUSER" then
      self.run:result(entry.seq, "ambiguous", reading.code, reading.message)
    elseif not self.unread then
      self.unread = ("cannot read back what became of an operation on '%s': %s"):format(entry.user, reading.message)
    end
    return "unread"
  end
  local verdict, reason, outcome = settle.decide({
    action = entry.action,
    before = entry.before,
    now = image_of(reading.tags, self:tag_id(entry)),
    after_quarantine = after_quarantine,
  })
  if verdict == "closed" then
    self.run:result(entry.seq, outcome, nil, reason)
  elseif verdict == "ambiguous" then
    self.run:result(entry.seq, "ambiguous", "EAMBIGUOUS", reason)
  elseif verdict == "send" then
    self.resends[entry.seq] = (self.resends[entry.seq] or 0) + 1
    if self.resends[entry.seq] > RESENDS then
      self.run:result(entry.seq, "failed", "ETIMEOUT", lost.message)
    else
      self.run:result(entry.seq, "returned")
      return "send"
    end
  end
  return verdict
end

-- Lost operations by their users, in order: one reading tells of all of a user's.
local function by_user(list)
  local groups, found = {}, {}
  for _, lost in ipairs(list) do
    local user = lost.entry.user
    if not found[user] then
      found[user] = {}
      groups[#groups + 1] = found[user]
    end
    table.insert(found[user], lost)
  end
  return groups
end

-- Reads the users one after the other, where it takes several requests.
function Settling:read_one_by_one(groups, take)
  for _, group in ipairs(groups) do
    if self.connection:stopped() or self:interrupted() or self.leaves() then
      return
    end
    local tags, message, code = self.connection:user_tags(group[1].entry.user)
    take(group, { tags = tags, message = message, code = code })
    self:flush(PATIENCE)
  end
end

-- Reads the users, several at a time. What is not read when the run stops stays as it is.
function Settling:read(groups, take)
  local connection = self.connection
  if not connection:can_start("user_tags") then
    return self:read_one_by_one(groups, take)
  end
  local next_group, flying, dropped = 1, 0, false
  while true do
    local over = connection:stopped() or self:interrupted() or self.leaves()
    if over and not dropped then
      dropped = true
      connection:drop_queued()
    end
    while not over and groups[next_group] and flying < WINDOW * connection.settings.in_flight do
      local group = groups[next_group]
      connection:begin({ "user_tags", user = group[1].entry.user, group = group })
      next_group, flying = next_group + 1, flying + 1
    end
    if flying == 0 then
      return
    end
    for _, result in ipairs(connection:poll(self.tick())) do
      flying = flying - 1
      if result.code ~= "ECANCELLED" then
        take(result.operation.group, { tags = result.value, message = result.message, code = result.code })
      end
    end
    self:flush(PATIENCE)
    self.progress(self.run)
  end
end

-- Settles the operations whose answers were lost since, by reading the users' tags. Those that may still
-- take effect rest until their quarantine is over.
function Settling:settle_lost()
  local lost, readable = self.lost, {}
  self.lost = {}
  for _, one in ipairs(lost) do
    if self.connection:can("user_tags", self:tag_id(one.entry)) then
      readable[#readable + 1] = one
    else
      -- What can't be read back is for a person, and never repeated.
      self.run:result(one.entry.seq, "ambiguous", "EAMBIGUOUS", one.message)
    end
  end
  self:read(by_user(readable), function(group, reading)
    for _, one in ipairs(group) do
      if self:judge(one, reading, false) == "wait" then
        one.due_ns = one.lost_ns + self.quarantine_ns
        self.resting[#self.resting + 1] = one
      end
    end
  end)
end

-- Reads those once more whose quarantine is over. Returns how many went back to the queue.
function Settling:settle_rested()
  local resting, due, again, now = self.resting, {}, 0, now_ns()
  self.resting = {}
  for _, one in ipairs(resting) do
    table.insert(one.due_ns > now and self.resting or due, one)
  end
  self:read(by_user(due), function(group, reading)
    for _, one in ipairs(group) do
      if self:judge(one, reading, true) == "send" then
        again = again + 1
      end
    end
  end)
  return again
end

--- When the run goes on, where it has nothing to do but to wait until lost answers can be settled.
-- @treturn ?integer on the monotonic clock, in nanoseconds
function Settling:rests_until()
  local due_ns
  for _, one in ipairs(self.idle and self.resting or {}) do
    due_ns = math.min(due_ns or one.due_ns, one.due_ns)
  end
  return due_ns
end

--- Settles what can be settled now; while nothing can and some rest, waits a moment.
-- @treturn integer how many operations went back to the queue
function Settling:settle()
  self:settle_lost()
  local again = self:settle_rested()
  self:flush()
  self.idle = again == 0 and self.resting[1] ~= nil
  if self.idle and not self.connection:stopped() then
    local left = (self:rests_until() - now_ns()) / 1e9
    self.connection:poll(math.max(0, math.min(left, self.tick())))
    self.progress(self.run)
  end
  return again
end

--- Settles all there is, whatever time it takes. Stops short where the connection or the run is stopped.
function Settling:settle_all()
  repeat
    self:settle()
  until #self.resting == 0 or self.connection:stopped() or self.leaves() or self:interrupted()
end

return M
