--- One run while it is carried out: operations marked as sending before they leave, results appended.
-- While it sends, it only reads operations forward and appends to the journal.
local core = require("tagua.core")
local approved = require("tagua.ledger.approved")
local deletions = require("tagua.ledger.deletions")
local journal = require("tagua.ledger.journal")
local planning = require("tagua.ledger.planning")
local queue = require("tagua.ledger.queue")
local spending = require("tagua.ledger.spending")
local store = require("tagua.ledger.store")
local times = require("tagua.ledger.times")

local M = {}

local RESULT_BATCH = 4096

M.kinds = {
  apply = true, tag = true, untag = true, retry = true, undo = true, expire = true, event = true, delete = true,
}

-- What an outcome counts as. `unattributed`: it is as wanted, perhaps not by us; `stands`: undone by
-- somebody in the console meanwhile, and left so; `returned`: certainly without effect, waits again.
local COUNTS_AS = {
  done = "done",
  unattributed = "done",
  failed = "failed",
  ambiguous = "failed",
  skipped = "skipped",
  stands = "skipped",
  returned = "left",
}
M.outcomes = COUNTS_AS

local FINAL = { done = true, interrupted = true, stopped = true, abandoned = true }

local Run = {}
Run.__index = Run

-- While it is planned: add, time, ready, discard.
for _, methods in ipairs({
  planning.methods, times.methods, approved.methods, spending.methods, deletions.methods,
}) do
  for name, method in pairs(methods) do
    Run[name] = method
  end
end

-- While it waits, and is watched: enqueue, withdraw, watch, publish, refresh.
for name, method in pairs(queue.methods) do
  Run[name] = method
end

local function blank(ledger, connection, number, kind, state)
  return setmetatable({
    ledger = ledger,
    db = ledger.store,
    now = ledger.now,
    connection = connection,
    number = number,
    kind = kind,
    state = state,
    cursor = 0, -- operations up to here were taken by next()
    waiting = {}, -- seqs before the cursor that were returned
    open = {}, -- operations taken and without a result, by seq
    opened = 0, -- how many
    done = {}, -- seqs of those that are plainly done, to be appended
    results = {}, -- what is to be appended of the others
    counts = {},
    planned = 0,
    added = {},
    notes = {},
    records = {},
    rules = {},
  }, Run)
end

--- Makes a run whose operations are to be added.
-- @tparam table ledger
-- @tparam table connection the ledger's side of one
-- @tparam table about `kind`, `rules`, `rules_hash`, `input`, `at`, `tests` ("passed" or "skipped"),
--   `source` (the run of before), `approved` (the approved plan's own number), `entry` (the journal's last one when
--   it was planned, where that was before)
function M.plan(ledger, connection, about)
  local number = ledger.store:row(
    "insert into run (connection, kind, source, state, entry, rules, rules_hash, input, at, tests, approved, created) "
      .. "values (?, ?, ?, 'planning', ?, ?, ?, ?, ?, ?, ?, ?) returning number",
    connection.number,
    about.kind,
    about.source,
    about.entry or journal.last_id(ledger.store),
    store.cap(about.rules, 4096),
    about.rules_hash,
    store.cap(about.input, 4096),
    about.at,
    about.tests,
    about.approved,
    ledger.now()
  )
  return blank(ledger, connection, number, about.kind, "planning")
end

--- Opens a run that was planned before, the journal folded.
function M.resume(ledger, connection, number)
  local db = ledger.store
  local found, kind, state, planned = db:row(
    "select number, kind, state, planned from run where number = ? and connection = ?",
    number,
    connection.number
  )
  if not found then
    store.fail("ELEDGER", "the ledger has no run %d of connection '%s'", number, connection.name)
  end
  local self = blank(ledger, connection, number, kind, state)
  self.planned = planned
  for outcome, count in
    db:rows("select outcome, count(*) from operation where run = ? and outcome is not null group by outcome", number)
  do
    self.counts[outcome] = count
  end
  return self
end

local function misuse(level, message, ...)
  error(message:format(...), level + 1)
end

local BEFORE = { [0] = { present = false }, [1] = { present = true } }

-- An operation as `perform` takes one, what the ledger knows of it beside: it goes to the wire as it is.
local function operation(seq, user, tag, name, action, before)
  return {
    action,
    seq = seq,
    user = user,
    tag = tag,
    name = name,
    action = action,
    before = before and (BEFORE[before] or { present = true, timestamp = before }),
  }
end

local NEXT = [[
  select seq, user, tag, action, before from operation
  where run = ? and seq > ? and outcome is null order by seq limit ?]]
local TAG = "select 1, id, name from tag where number = ?"
local ONE = [[
  select o.seq, o.user, t.id, t.name, o.action, o.before from operation o join tag t on t.number = o.tag
  where o.run = ? and o.seq = ? and o.outcome is not 'skipped']]

-- The next operations in order, those that were returned first; nothing is marked yet. One that was
-- settled and returned may lie behind the cursor's place: it is not found a second time.
function Run:peek(count)
  local found, returned = {}, {}
  table.sort(self.waiting)
  for i = #self.waiting, 1, -1 do
    returned[self.waiting[i]] = true
    if not self.db:row(ONE, self.number, self.waiting[i]) then
      table.remove(self.waiting, i) -- somebody has decided since that it is not to be sent
    end
  end
  for i = 1, math.min(count, #self.waiting) do
    found[i] = operation(self.db:row(ONE, self.number, self.waiting[i]))
  end
  if #found < count then
    local rows = self.next_statement or store.must(self.db.db:prepare(NEXT))
    self.next_statement = rows
    local ids, names = {}, {} -- of this batch: a tag that is created meanwhile has its id in the next one
    for seq, user, tag, action, before in rows:rows(self.number, self.cursor, count - #found) do
      if not returned[seq] then
        if not names[tag] then
          ids[tag], names[tag] = select(2, self.db:row(TAG, tag))
        end
        found[#found + 1] = operation(seq, user, ids[tag], names[tag], action, before)
      end
    end
  end
  return found
end

local APPEND = "insert into journal (run, first, last, outcome, code, message, at) values (?, ?, ?, ?, ?, ?, ?)"

-- Appends one outcome for many operations, ascending: one row for each unbroken range of them.
function Run:append_ranges(seqs, outcome, at)
  local append = self.db:prepare(APPEND)
  local first = 1
  for i = 1, #seqs do
    if seqs[i + 1] ~= seqs[i] + 1 then
      store.must(append:run(self.number, seqs[first], seqs[i], outcome, nil, nil, at))
      first = i + 1
    end
  end
end

-- Appends that operations are being sent, which mostly follow each other without a gap.
function Run:append_sending(found, at)
  local first, last = found[1].seq, found[#found].seq
  if last - first == #found - 1 then
    store.must(self.db:prepare(APPEND):run(self.number, first, last, "sending", nil, nil, at))
    return
  end
  local seqs = {}
  for i, one in ipairs(found) do
    seqs[i] = one.seq
  end
  table.sort(seqs)
  self:append_ranges(seqs, "sending", at)
end

-- Appends the buffered results. Those that are plainly done go as ranges: at any number in flight
-- they come back nearly in order, and a few rows tell it all.
function Run:append_results(at)
  local append = self.db:prepare(APPEND)
  for _, result in ipairs(self.results) do
    store.must(append:run(self.number, result.seq, result.seq, result.outcome, result.code, result.message, at))
  end
  table.sort(self.done)
  self:append_ranges(self.done, "done", at)
end

-- What was buffered is on disk.
function Run:emptied()
  self.results, self.done, self.waiting_since_ns = {}, {}, nil
end

--- Takes the next operations in order and marks them as sending, on disk when this returns.
-- Take about what leaves in a quarter of a second: all of them must be settled after a crash.
-- @tparam integer count
-- @treturn {table,...}|nil `{ seq, user, tag, name, action, before }`, none when all were taken; `tag` is
--   nil while the tag has no id; `before` is the image of the user tag when it was planned:
--   `{ present =, timestamp = }`, nil when it is not known
-- @treturn string message
-- @treturn string code
function Run:next(count)
  if self.state == "planning" or self.closed then
    misuse(2, "run %d can't be sent: it is %s", self.number, self.closed and "closed" or "still being planned")
  end
  if math.type(count) ~= "integer" or count < 1 then
    misuse(2, "the number of operations must be a whole number from 1")
  end
  local taken, message, code = store.try(function()
    local found = self:peek(count)
    if #found == 0 then
      if self.state ~= "sending" and not self.db:row("select 1 from run where number = ?", self.number) then
        store.fail("ELEDGER", "run %d is not in the ledger any more: its plan was too old; plan again", self.number)
      end
      return found
    end
    store.must(self.db:transact(function()
      if self.state ~= "sending" then
        store.must(self:accept())
        local changed = self.db:run(
          "update run set state = 'sending', finished = null, message = null, done = null, failed = null, "
            .. "skipped = null, unattributed = null, ambiguous = null "
            .. "where number = ? and state not in ('done', 'abandoned')",
          self.number
        )
        if changed == 0 then
          store.fail("ELEDGER", "run %d is over: it was finished or abandoned elsewhere; plan again", self.number)
        end
      end
      local at = self.now()
      self:append_results(at)
      self:append_sending(found, at)
      return true
    end))
    return found
  end)
  if not taken then
    return nil, message, code
  end
  if #taken > 0 then
    self.state = "sending"
    self:emptied()
    if self.waiting[1] then
      self.waiting = table.move(self.waiting, #taken + 1, #self.waiting, 1, {})
    end
    self.opened = self.opened + #taken
    local open, cursor = self.open, self.cursor
    for _, one in ipairs(taken) do
      local seq = one.seq
      open[seq] = one
      cursor = seq > cursor and seq or cursor
    end
    self.cursor = cursor
  end
  return taken
end

--- Files how an operation ended; on disk after the next flush (or next).
-- @tparam integer seq of an operation that next() or unsettled() gave
-- @tparam string outcome `done`, `failed`, `skipped`, `ambiguous` (the effect is not known, left for a
--   person), `unattributed` (as wanted, perhaps not by us), `stands` (put on again by somebody, and left
--   so), `returned` (certainly without effect: waits again)
-- @tparam[opt] string code
-- @tparam[opt] string message
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function Run:result(seq, outcome, code, message)
  local counts, open, done = self.counts, self.open, self.done
  if not open[seq] then
    misuse(2, "operation %s of run %d is not being sent", tostring(seq), self.number)
  elseif not COUNTS_AS[outcome] then
    misuse(2, "unknown outcome '%s' of operation %s", tostring(outcome), tostring(seq))
  end
  open[seq] = nil
  self.opened = self.opened - 1
  if outcome == "done" and not code and not message then
    counts.done = (counts.done or 0) + 1
    done[#done + 1] = seq
    return true
  elseif outcome == "returned" then
    self.waiting[#self.waiting + 1] = seq
  else
    counts[outcome] = (counts[outcome] or 0) + 1
  end
  local results = self.results
  results[#results + 1] = { seq = seq, outcome = outcome, code = store.cap(code, 24), message = store.text(message) }
  if #results >= RESULT_BATCH then
    return self:flush()
  end
  return true
end

--- Puts the results that were filed on disk, in one commit. After a failure they are kept and go with
-- the next flush.
-- @tparam[opt=0] number patience seconds that results may wait for others to share the commit with: a
--   loop that flushes each time round then commits at most that often. What waits when the process dies
--   is settled as if its answer had been lost.
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function Run:flush(patience)
  if #self.results == 0 and #self.done == 0 then
    return true
  end
  if patience and patience > 0 then
    local now_ns = core.system.monotonic_ns()
    self.waiting_since_ns = self.waiting_since_ns or now_ns
    if now_ns - self.waiting_since_ns < patience * 1e9 then
      return true
    end
  end
  local ok, message, code = self.db:transact(function()
    self:append_results(self.now())
    return true
  end)
  if ok then
    self:emptied()
    return true
  end
  return nil, message, code
end

--- The operations that were marked as sending when the process died, in order. They are open again:
-- settle each one and file its result.
-- @treturn {table,...}|nil as `next` gives them
-- @treturn string message
-- @treturn string code
function Run:unsettled()
  local ok, message, code = journal.fold(self.db)
  if not ok then
    return nil, message, code
  end
  return store.try(function()
    local found = {}
    for seq, user, tag, name, action, before in
      self.db:rows(
        "select o.seq, o.user, t.id, t.name, o.action, o.before from operation o join tag t on t.number = o.tag "
          .. "where o.run = ? and o.outcome = 'sending' order by o.seq",
        self.number
      )
    do
      if not self.open[seq] then
        local one = operation(seq, user, tag, name, action, before)
        found[#found + 1] = one
        self.counts.sending = (self.counts.sending or 1) - 1
      end
    end
    for _, one in ipairs(found) do
      self.open[one.seq] = one
    end
    self.opened = self.opened + #found
    return found
  end)
end

--- Counts the operations of which it was decided after they were planned that they are not to be sent.
function Run:count_skipped()
  local count = self.db:row("select count(*) from operation where run = ? and outcome = 'skipped'", self.number)
  self.counts.skipped = math.max(self.counts.skipped or 0, count)
end

--- The sums: `planned` = `done` + `failed` + `skipped` + `left`; of these, `unattributed` are among the
-- done, `ambiguous` among the failed, `stands` among the skipped, `sending` among the left.
-- @treturn table
function Run:sums()
  local counts = self.counts
  local sums = {
    planned = self.planned,
    done = (counts.done or 0) + (counts.unattributed or 0),
    failed = (counts.failed or 0) + (counts.ambiguous or 0),
    skipped = (counts.skipped or 0) + (counts.stands or 0),
    unattributed = counts.unattributed or 0,
    ambiguous = counts.ambiguous or 0,
    stands = counts.stands or 0,
    sending = (counts.sending or 0) + self.opened,
  }
  sums.left = sums.planned - sums.done - sums.failed - sums.skipped
  return sums
end

--- Ends the run, or this part of it.
-- @tparam string state `done`, `interrupted`, `stopped` or `abandoned`; a run with operations left is
--   never done but `stopped`
-- @tparam[opt] string message why it stopped
-- @treturn string|nil the state it is in
-- @treturn string message
-- @treturn string code
function Run:finish(state, reason)
  if not FINAL[state] then
    misuse(2, "unknown state '%s' of a run", tostring(state))
  end
  if self.state == "planning" then
    misuse(2, "run %d is still being planned", self.number)
  end
  if state == "abandoned" then
    local unsettled, message, code = self:unsettled()
    if not unsettled then
      return nil, message, code
    end
    for seq in pairs(self.open) do
      self:result(seq, "ambiguous", "EAMBIGUOUS", "the run was abandoned before its effect was known; pull to see it")
    end
  end
  store.try(self.count_skipped, self)
  local sums = self:sums()
  if state == "done" and sums.left > 0 then
    state = "stopped"
  end
  local ok, message, code = self.db:transact(function()
    local at = self.now()
    self:append_results(at)
    self.db:run(
      "update run set state = ?, finished = ?, message = ?, done = ?, failed = ?, skipped = ?, unattributed = ?, "
        .. "ambiguous = ? where number = ?",
      state,
      at,
      store.text(reason),
      sums.done,
      sums.failed,
      sums.skipped,
      sums.unattributed,
      sums.ambiguous,
      self.number
    )
    return true
  end)
  if not ok then
    return nil, message, code
  end
  self:emptied()
  self.state = state
  -- Whoever opens the file now sees what came of it. A fold that fails is made up for before the next
  -- plan: the journal has it all.
  journal.fold(self.db)
  return state
end

return M
