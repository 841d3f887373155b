--- The ledger as the queue of a connection: runs that were agreed to wait in it, whoever planned them,
-- until the one sender takes them up. Knows which process wants a run done, and whether that process
-- still lives; sends nothing.
local core = require("tagua.core")
local journal = require("tagua.ledger.journal")
local json = require("tagua.json")
local store = require("tagua.ledger.store")

local M = {}

-- When a process started, in ticks since the machine did: with its id, this names it for good.
local function started(pid)
  local file = io.open(("/proc/%s/stat"):format(pid))
  local text = file and file:read("a")
  if file then
    file:close()
  end
  local state, rest = (text or ""):match("^.*%) (%a) (.*)$")
  if not state or state == "Z" or state == "X" then
    return nil
  end
  local at = 3
  for field in rest:gmatch("%S+") do
    at = at + 1
    if at == 22 then
      return field
    end
  end
  return nil
end

--- This process, as the ledger names one.
-- @treturn string
function M.identity()
  local pid = core.system.pid()
  return ("%d %s"):format(pid, started(pid) or "?")
end

--- Whether a process that the ledger names is still there.
-- @tparam ?string process
-- @treturn boolean
function M.alive(process)
  local pid, since = (process or ""):match("^(%d+) (%S+)$")
  return pid ~= nil and started(pid) == since
end

-- The methods of a run.
local Queued = {}
M.methods = Queued

--- Puts an agreed run into the queue, what it has to create beside it.
-- @tparam {table,...} creations
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function Queued:enqueue(creations)
  local ok, message, code = self.db:transact(function()
    store.must(self:accept())
    local changed = self.db:run(
      "update run set state = 'queued', process = ?, creations = ? "
        .. "where number = ? and state not in ('planning', 'done', 'abandoned')",
      M.identity(),
      json.encode(json.array(creations)),
      self.number
    )
    if changed == 0 then
      store.fail("ELEDGER", "run %d is over, or its plan was too old: plan again", self.number)
    end
    return true
  end)
  if ok then
    self.state = "queued"
  end
  return ok, message, code
end

--- Takes the run out of the queue: its process wants it no more. What is under way ends.
function Queued:withdraw()
  self.state = "interrupted"
  return self.db:transact(function()
    self.db:run(
      "update run set state = 'interrupted', finished = ? where number = ? and state in ('queued', 'sending')",
      self.now(),
      self.number
    )
    return true
  end)
end

--- How the run stands, as whoever sends it has told.
-- @treturn table|nil `state`, `message`, `sums`, `withdrawn`, `creations`
function Queued:watch()
  return store.try(function()
    local state, reason, planned, done, failed, skipped, unattributed, ambiguous, creations = self.db:row(
      "select state, message, planned, coalesce(done, 0), coalesce(failed, 0), coalesce(skipped, 0), "
        .. "coalesce(unattributed, 0), coalesce(ambiguous, 0), creations from run where number = ?",
      self.number
    )
    if not state then
      store.fail("ELEDGER", "run %d is not in the ledger any more", self.number)
    end
    return {
      state = state,
      message = reason,
      withdrawn = state ~= "queued" and state ~= "sending",
      creations = creations and json.decode(creations) or {},
      sums = {
        planned = planned,
        done = done,
        failed = failed,
        skipped = skipped,
        left = planned - done - failed - skipped,
        unattributed = unattributed,
        ambiguous = ambiguous,
        stands = 0,
        sending = 0,
      },
    }
  end)
end

--- Tells those who watch the run how far it is.
function Queued:publish()
  local sums = self:sums()
  return self.db:transact(function()
    self.db:run(
      "update run set done = ?, failed = ?, skipped = ?, unattributed = ?, ambiguous = ? where number = ?",
      sums.done,
      sums.failed,
      sums.skipped,
      sums.unattributed,
      sums.ambiguous,
      self.number
    )
    return true
  end)
end

-- What another run has done since this one was planned need not be done again, and what nobody knows
-- the effect of must not be. What this run itself has done is no reason: it may change a tag twice.
local SKIP = [[
  set outcome = 'skipped', at = ?4, message = 'another run has done it, or is not sure whether it has'
    where run = ?1 and outcome is null and exists (
      select 1 from holding h where h.connection = ?2 and h.user = operation.user and h.tag = operation.tag
        and h.entry > ?3 and h.run is not ?1
        and (h.doubt = 1 or h.doubt = 0 and h.present = (operation.action = 'tag')))]]
local DONE_SINCE = "update operation" .. SKIP
-- The same, where it is known which other run that was: as many look-ups as that one has operations.
local DONE_BY = "update operation indexed by operation_by_user"
  .. SKIP
  .. " and user in (select user from operation where run = ?5)"
local OTHERS = "select number, planned, state in ('done', 'abandoned') from run "
  .. "where connection = ?1 and number >= ?2 and number <> ?3"
local SMALL = 5000 -- operations of a run whose users are looked up one by one

-- The other runs that may have done something since the last time: those that were not over then, and those that
-- came since. Nothing where they can't be told, or are large.
function Queued:others()
  local over_before, floor, small = self.others_over, self.others_floor or 0, true
  local found, over, first_open, last = {}, {}, nil, floor - 1
  for number, planned, is_over in self.db:rows(OTHERS, self.connection.number, floor, self.number) do
    if not (over_before and over_before[number]) then
      found[#found + 1] = number
      small = small and planned <= SMALL
    end
    if is_over == 1 then
      over[number] = true
    else
      first_open = first_open or number
    end
    last = number
  end
  self.others_floor = first_open or last + 1
  for number in pairs(over) do
    over[number] = number >= self.others_floor or nil
  end
  self.others_over = over
  return over_before and small and found or nil
end

-- Takes out what others have done between two entries of the journal, which are folded.
function Queued:skip_done(others, entry, last)
  local at, connection, skipped = self.now(), self.connection.number, 0
  for _, other in ipairs(others or {}) do
    skipped = skipped + self.db:run(DONE_BY, self.number, connection, entry, at, other)
  end
  if not others then
    skipped = self.db:run(DONE_SINCE, self.number, connection, entry, at)
  end
  self.db:run("update run set entry = ? where number = ?", last, self.number)
  if skipped > 0 then
    self:count_skipped()
  end
  return true
end

--- Looks at the plan again before it is sent, or sent on: other runs may have done the same.
-- The last entry comes first, then who is over, then the fold: whoever does something in between is looked at
-- again the next time.
function Queued:refresh()
  local entry, last, others
  local ok, message, code = store.try(function()
    entry, last = self.db:row("select entry from run where number = ?", self.number), journal.last_id(self.db)
    others = last > (entry or 0) and self:others() or nil
    return true
  end)
  if ok then
    ok, message, code = journal.fold(self.db)
  end
  if ok and last > (entry or 0) then
    ok, message, code = self.db:transact(self.skip_done, self, others, entry, last)
  end
  if not ok then
    self.others_over = nil -- all of them are looked at the next time
  end
  return ok, message, code
end

--- Says in the ledger which process sends for the connection, for those who find its lock taken.
function M.take_over(connection)
  local db = connection.ledger.store
  return db:transact(function()
    db:run("update connection set sender = ? where number = ?", M.identity(), connection.number)
    return true
  end)
end

--- The process that said so last.
-- @treturn ?string
function M.sender(connection)
  local _, sender =
    connection.ledger.store:row("select number, sender from connection where number = ?", connection.number)
  return sender
end

--- The runs in the queue whose processes live, and those that are cut off: their process is gone, or
-- they were stopped.
-- @treturn {table,...} queued: `{ number, kind, state, process }`, the oldest first
-- @treturn {integer,...} cut off
function M.runs(connection)
  local queued, cut_off = {}, {}
  for number, kind, state, process in
    connection.ledger.store:rows(
      "select number, kind, state, process from run where connection = ? "
        .. "and state in ('queued', 'sending', 'interrupted', 'stopped') order by number",
      connection.number
    )
  do
    if (state == "queued" or state == "sending") and M.alive(process) then
      queued[#queued + 1] = { number = number, kind = kind, state = state, process = process }
    else
      cut_off[#cut_off + 1] = number
    end
  end
  return queued, cut_off
end

return M
