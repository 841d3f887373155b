--- Carries a plan out: creates what is missing, sends the operations, settles lost answers.
-- Owns the order of things within a run: on disk first, then the wire, then the result on disk.
-- Decides nothing about tags; a run that is told to stop sends nothing more and waits for what is
-- under way.
local core = require("tagua.core")
local settling = require("tagua.settling")
local turns = require("tagua.turns")

local M = {}

local LARGEST_BATCH = 2048 -- operations marked as sending in one commit
local SMALLEST_BATCH = 8
-- Results reach the disk together, this often: one that a crash takes along is settled by reading.
local PATIENCE = 0.1 -- seconds
local BATCH_SECONDS = 0.1 -- a batch is what leaves in that time: after a crash all of it is settled
local TICK = 0.5 -- seconds; how long a round waits for results, unless the job says otherwise

-- What can't be created because of the ledger is no fault of the one tag.
local OURS = { EDISK = true, ELOCKED = true, ELEDGER = true, ESQL = true }

local Apply = {}
Apply.__index = Apply

-- What becomes of lost answers: settle.
for name, method in pairs(settling.methods) do
  Apply[name] = method
end

local function now_ns()
  return core.system.monotonic_ns()
end

-- One folder or tag, created once: the intent is on disk before the request, the id after it. Another
-- run may have created it since this one was planned.
function Apply:create_one(creation)
  local kind, name = creation.kind, creation.name
  if self.book:tag(name, kind) then
    return true
  end
  local options = { family = creation.family }
  if kind == "tag" and creation.folder then
    local folder = self.book:tag(creation.folder, "folder")
    options.folder = folder and folder.id
  end
  local intent, message, code = self.book:intend({ kind = kind, name = name, folder = options.folder })
  if not intent then
    return nil, message, code
  end
  local create = kind == "folder" and self.connection.create_folder or self.connection.create_tag
  local tag
  tag, message, code = create(self.connection, name, options)
  if tag then
    return intent:done(tag.id)
  end
  if code ~= "EAMBIGUOUS" then
    intent:void()
  else
    intent:ambiguous(message)
  end
  return nil, message, code
end

--- Creates the folders and tags of the plan that the platform does not have yet. One that can't be created
-- stops a run that somebody looks at; of live events the operations with other tags go on.
function Apply:create(creations)
  for _, creation in ipairs(creations) do
    if self:interrupted() then
      return true
    end
    local refused = self.refused[creation.folder or ""]
    if not refused then
      local ok, message, code = self:create_one(creation)
      refused = not ok and { message = message, code = code }
    end
    if not refused then
      self.created = self.created + 1
    elseif self.run.kind ~= "event" or OURS[refused.code] or self.connection:stopped() then
      return nil, refused.message, refused.code
    else
      self.refused[creation.name] = refused
    end
  end
  return true
end

-- Whether to begin nothing more: because of a signal, of the hour, or because the run has stopped.
function Apply:interrupted()
  if not self.stopping and self.is_interrupted() then
    self.stopping = "interrupted"
  end
  local message, code = self.closed()
  if message then
    self:stop(message, code)
  end
  return self.stopping ~= nil
end

-- The id of an operation's tag: one that the plan had to create got its id since.
function Apply:tag_id(operation)
  if operation.tag then
    return operation.tag
  end
  local id = self.ids[operation.name]
  if not id then
    local known = self.book:tag(operation.name)
    id = known and known.id
    self.ids[operation.name] = id
  end
  return id
end

-- How many operations to mark at once: what leaves in BATCH_SECONDS at the present rate, within bounds.
function Apply:batch_size()
  local leaving = math.ceil((self.connection:stats().rate or 0) * BATCH_SECONDS)
  return math.max(SMALLEST_BATCH, math.min(LARGEST_BATCH, leaving))
end

-- Marks the next batch as sending (committed) and hands it to the connection.
-- Returns how many are on their way, and whether there was anything left to take.
function Apply:start_batch(size)
  local batch, message, code = self.run:next(size)
  if not batch then
    self:stop(message, code)
    return 0, false
  end
  local started = 0
  for _, operation in ipairs(batch) do
    local tag, unknown = self:tag_id(operation), self.turns:unknown(operation.user)
    if unknown then
      self.run:result(operation.seq, "failed", "ENOUSER", unknown)
    elseif tag then
      started = started + 1
      if self.turns:enter(operation) then
        operation.tag = tag
        self.connection:begin(operation)
      end
    else
      local refused = self.refused[operation.name]
        or { code = "ENOTFOUND", message = ("the tag '%s' has no id yet"):format(operation.name) }
      self.run:result(operation.seq, "failed", refused.code, refused.message)
    end
  end
  return started, #batch > 0
end

-- A user's operation is over: what waited behind it goes, unless the platform does not know the user,
-- the run has stopped, or others have to go first. Returns how many ended here without being sent.
function Apply:next_turn(result)
  local ended = 0
  local entry = self.turns:leave(result.operation, result.code == "ENOUSER" and result.message)
  while entry do
    local unknown = self.turns:unknown(entry.user)
    if not unknown and not self.leaving and not self:interrupted() and not self.connection:stopped() then
      entry.tag = self:tag_id(entry)
      self.connection:begin(entry)
      break
    end
    self.run:result(entry.seq, unknown and "failed" or "returned", unknown and "ENOUSER", unknown)
    ended = ended + 1
    entry = self.turns:leave(entry)
  end
  return ended
end

-- Stops the run, for the first reason given; a reason of ours goes before a signal.
function Apply:stop(message, code)
  if not self.stopping or self.stopping == "interrupted" then
    self.stopping, self.message, self.code = "stopped", message, code
  end
end

-- Files one result. What certainly had no effect goes back to the queue; what may have had one
-- waits to be settled.
function Apply:take(result)
  local entry = result.operation
  if result.ok then
    self.run:result(entry.seq, "done")
  elseif result.code == "EAMBIGUOUS" then
    self.lost[#self.lost + 1] = { entry = entry, lost_ns = now_ns(), message = result.message }
  elseif result.code == "ECANCELLED" or result.stop then
    self.run:result(entry.seq, "returned")
  else
    self.run:result(entry.seq, "failed", result.code, result.message)
  end
end

-- Commits the results so far; a ledger that cannot take them stops the run.
function Apply:flush(patience)
  local ok, message, code = self.run:flush(patience)
  if not ok then
    self:stop(message, code)
  end
end

--- Sends what is pending until nothing is, or the run stops, or others have to go first: then what is
-- queued and has not left goes back, so that they wait for nothing but what is under way.
-- @tparam ?function yields tells whether they do
-- @treturn boolean whether it left off for them
function Apply:send(yields)
  local flying, more, yielded = 0, true, false
  self.leaving = false
  repeat
    if self:interrupted() then
      more = false
      self.connection:drop_queued()
    end
    local size = self:batch_size()
    local least = math.max(size, self.connection.settings.in_flight) // 2
    while more and flying <= least do
      local started
      started, more = self:start_batch(size)
      flying = flying + started
    end
    for _, result in ipairs(flying > 0 and self.connection:poll(self.tick()) or {}) do
      self:take(result)
      flying = flying - 1 - self:next_turn(result)
    end
    self:flush(flying > 0 and PATIENCE or nil)
    local message, code = self.connection:stopped()
    if message then
      self:stop(message, code)
    end
    if not self.leaving and (self.leaves() or more and yields and yields()) then
      more, yielded, self.leaving = false, true, true
      self.connection:drop_queued()
    end
    more = more and not self.stopping
    self.progress(self.run)
  until flying == 0 and not more
  return yielded and not self.stopping
end

--- Settles what an earlier run left behind: operations that were marked as sending and have no
-- result, because the process died. Their quarantine counts from now.
-- @treturn ?table the sums of that run; nil, message, code when it could not be settled
function M.recover(job, run)
  if run.kind == "delete" then
    return require("tagua.deleting").recover(job, run)
  end
  local self = M.new(job, run)
  local unsettled, message, code = run:unsettled()
  if not unsettled then
    return nil, message, code
  end
  for _, entry in ipairs(unsettled) do
    self.lost[#self.lost + 1] = { entry = entry, lost_ns = now_ns(), message = "the process ended before the answer" }
  end
  self:settle_all()
  message, code = self.connection:stopped()
  if message then
    return nil, message, code
  end
  if self.unread then
    return nil, self.unread .. "; run again to settle it", "ENETWORK"
  end
  if self.stopping or self.leaves() then
    return nil, "interrupted while settling an earlier run", "EINTERRUPTED"
  end
  return run:sums()
end

--- @local
function M.new(job, run)
  return setmetatable({
    connection = job.connection,
    book = job.book,
    run = run,
    is_interrupted = job.interrupted or function()
      return false
    end,
    closed = job.closed or function() end,
    progress = job.progress or function() end,
    quarantine_ns = math.floor(job.quarantine * 1e9),
    tick = job.tick or function()
      return TICK
    end,
    leaves = job.leaves or function()
      return false
    end,
    lost = {},
    resting = {}, -- lost ones in their quarantine
    idle = false, -- nothing to do but to wait for those
    resends = {},
    turns = turns.new(),
    ids = {},
    refused = {}, -- folders and tags that could not be created
    created = 0,
  }, Apply)
end

--- Takes a run up.
-- @tparam table job
-- @param job.connection the open connection (see `tagua.connect`)
-- @param job.book the ledger's side of it
-- @tparam number job.quarantine seconds after which a lost request takes effect no more
-- @tparam ?function job.interrupted tells whether to stop
-- @tparam ?function job.closed tells why the connection does not send now, and a code; nil while it does
-- @tparam ?function job.progress called with the run after each round
-- @tparam ?function job.tick gives the seconds that a round may wait for results, 0.5 unless told
-- @tparam ?function job.leaves tells whether to leave off, with what is under way finished and the rest left for
--   whoever sends next
-- @param run the run, its operations written
-- @tparam {table,...} creations folders and tags that it needs
-- @treturn table with `turn`
function M.begin(job, run, creations)
  if run.kind == "delete" then
    return require("tagua.deleting").begin(job, run)
  end
  local self = M.new(job, run)
  self.creations = creations
  return self
end

--- Carries the run out, to its end or until others have to go first.
-- @tparam ?function yields tells whether they do
-- @treturn ?table `{ sums =, created =, state = "done"|"stopped"|"interrupted", message =, code = }`; nil
--   where it left off for others
function Apply:turn(yields)
  if self.creations then
    local ok, message, code = self:create(self.creations)
    self.creations = nil
    if not ok then
      self:stop(message, code)
    end
  end
  while not self:interrupted() do
    if not self.idle and self:send(yields) then
      return nil
    end
    if self:settle() == 0 and not self.idle then
      break
    end
    local message, code = self.connection:stopped()
    if message then
      self:stop(message, code)
    elseif self.idle and (self.leaves() or yields and yields()) then
      return nil
    end
  end
  if self.unread then
    self:stop(self.unread .. "; run again to settle it", "ENETWORK")
  end
  local state = self.stopping or "done"
  self.run:finish(state, self.message)
  return { sums = self.run:sums(), created = self.created, state = state, message = self.message, code = self.code }
end

--- Carries a run out from beginning to end.
-- @tparam table job as `begin` takes it
-- @param run
-- @tparam table plan from `tagua.plan`
-- @treturn table as `turn` gives it
function M.run(job, run, plan)
  return M.begin(job, run, plan.creations):turn()
end

return M
