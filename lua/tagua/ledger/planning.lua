--- The planning of a run: its operations are written in bulk, in the order in which they are to be
-- carried out, each with what was there before. Nothing here is sent.
local again = require("tagua.ledger.again")
local rows = require("tagua.ledger.rows")
local store = require("tagua.ledger.store")

local M = {}

local PLAN_BATCH, MAX_USER = rows.BATCH, 512
-- The tables with what belongs to a run, and goes with it.
local PARTS = { "operation", "record", "note", "timing", "price" }

-- The methods of a run that is being planned; tagua.ledger.run has the others.
local Planning = {}
M.methods = Planning

local function misuse(level, message, ...)
  error(message:format(...), level + 1)
end

-- Long enough that a clock which jumps by a day does not take a plan for old that is being looked at.
local FORGOTTEN_AFTER = 7 * 24 * 60 * 60 -- seconds
local FORGOTTEN = "select number from run where state in ('planning', 'ready') and created < ?"

--- Drops plans of which nothing was sent for a week: a process died over them.
function M.sweep(ledger)
  local db, before = ledger.store, ledger.now() - FORGOTTEN_AFTER
  if db:row(FORGOTTEN, before) then
    for _, name in ipairs(PARTS) do
      db:run(("delete from %s where run in (%s)"):format(name, FORGOTTEN), before)
    end
    db:run("delete from run where state in ('planning', 'ready') and created < ?", before)
  end
end

local INSERT = [[
  insert into operation (run, seq, user, tag, action, rule, input_line, before, lasts, ends, outcome, message, code)
    select ?1, ?2, ?3, ?4, ?5, ?6, ?7,
      case when h.tag is null then ?8 when h.doubt <> 0 then null
           when h.present = 0 then 0 else coalesce(h.timestamp, 1) end,
      ?10, ?11, case when ?13 is not null then 'failed' when ?12 is not null then 'skipped' end, ?12, ?13
    from (select 1) left join holding h on h.connection = ?9 and h.user = ?3 and h.tag = ?4]]

-- The number of a rule's row, made when it is new.
function Planning:rule_number(name, line)
  local key = name .. "\0" .. (line or "")
  local number = self.rules[key]
  if not number then
    number = self.db:row("select number from rule where name = ? and line is ?", name, line)
      or self.db:row("insert into rule (name, line) values (?, ?) returning number", name, line)
    self.rules[key] = number
  end
  return number
end

-- Writes the operations that were added, in one transaction.
function Planning:write()
  local added = self.added
  if #added == 0 then
    return true
  end
  local ok, message, code = self.db:transact(function()
    local insert, tags = self.db:prepare(INSERT), self.connection.registry
    local absent = self.connection:pulled() and 0 or nil
    local seq = self.planned - #added
    for i, operation in ipairs(added) do
      local rule = operation.rule
      store.must(
        insert:run(
          self.number,
          seq + i,
          operation.user,
          tags:number_of(operation.tag, operation.name),
          operation.action,
          rule and self:rule_number(rule, operation.line),
          operation.input_line,
          absent,
          self.connection.number,
          operation.lasts,
          operation.ends,
          store.cap(operation.skip),
          operation.fail
        )
      )
    end
    return true
  end)
  if not ok then
    self.connection.registry.numbers, self.rules = {}, {} -- what was numbered inside is undone
    return nil, message, code
  end
  self.added = {}
  return true
end

--- Adds an operation to the plan; they are carried out in the order in which they were added.
-- @tparam table operation `user`, `action` (`tag` or `untag`), `tag` (an id) or `name` (of a tag that
--   has yet to be created), and, to tell why: `rule`, `line` (of the rule file), `input_line`. A tag may
--   come off again by itself: `lasts` seconds after it was put on, and not later than the moment `ends`.
--   `skip` says why the operation is not to be sent; with a code in `fail` it has failed before it was.
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function Planning:add(operation)
  if self.state ~= "planning" then
    misuse(2, "run %d is planned already: its operations can't be added to", self.number)
  end
  local user, action = operation.user, operation.action
  if type(user) ~= "string" or user == "" then
    misuse(2, "the user of an operation must be a string that is not empty")
  end
  if action ~= "tag" and action ~= "untag" then
    misuse(2, "the action of an operation must be 'tag' or 'untag', got '%s'", tostring(action))
  end
  if type(operation.tag or operation.name) ~= "string" then
    misuse(2, "an operation needs the id of a tag, or the name of one that is to be created")
  end
  if #user > MAX_USER then
    local message = "cannot plan for the user '%s...': an id has at most %d bytes, this one has %d"
    return self:spoil(message:format(store.cap(user, 60), MAX_USER, #user), "EINPUT")
  end
  self.planned = self.planned + 1
  if operation.skip then
    local outcome = operation.fail and "failed" or "skipped"
    self.counts[outcome] = (self.counts[outcome] or 0) + 1
  end
  self.added[#self.added + 1] = operation
  if #self.added >= PLAN_BATCH then
    local ok, message, code = self:write()
    if not ok then
      self.added = {}
      return self:spoil(message, code)
    end
  end
  return true
end

local RECORD = "insert or replace into record (run, line, rule, fields) values (?, ?, ?, ?)"
local NOTE = "insert or replace into note (run, user, tag, decision) values (?, ?, ?, ?)"

--- Keeps what a rule went by for a record whose user the run changes.
-- @tparam integer line of the input
-- @tparam string rule its name
-- @tparam ?integer rule_line of the rule file
-- @tparam string fields a JSON object
function Planning:record(line, rule, rule_line, fields)
  return rows.keep(self, self.records, { line, rule, rule_line, fields }, self.write_records)
end

-- Writes the records that were kept.
function Planning:write_records()
  local records = self.records
  self.records = {}
  return rows.write(self, records, RECORD, function(record)
    return record[1], self:rule_number(record[2], record[3]), record[4]
  end)
end

--- Tells the SHA-256 of the whole input, once it was read.
-- @tparam string hash
function Planning:read_all(hash)
  return self.db:transact(function()
    self.db:run("update run set input_hash = ? where number = ?", hash, self.number)
    return true
  end)
end

--- Has the ledger remember what the rules want where somebody in the console has the last word, once
-- the run is agreed to (`accept`).
-- @tparam string user
-- @tparam string tag its id
-- @tparam integer decision 0 to 3, or 4; see `tagua.ownership`
function Planning:note(user, tag, decision)
  return rows.keep(self, self.notes, { user, tag, decision }, self.write_notes)
end

-- Writes the notes that were made.
function Planning:write_notes()
  local notes, registry = self.notes, self.connection.registry
  self.notes = {}
  return rows.write(self, notes, NOTE, function(note)
    return note[1], registry:number_of(note[2]), note[3]
  end)
end

-- What the notes make of the mirror. A row that something else has changed since is left alone.
local NOTED = [[
  update holding set decision = n.decision from note n
    where n.run = ? and n.decision < 4 and holding.connection = ? and holding.user = n.user
      and holding.tag = n.tag and holding.ours = 0 and holding.doubt = 0]]
local RELEASED = [[
  update holding set ours = 1, found = 0, decision = null from note n
    where n.run = ? and n.decision = 4 and holding.connection = ? and holding.user = n.user
      and holding.tag = n.tag and holding.ours = 0 and holding.present = 1 and holding.doubt = 0]]

--- Somebody has agreed to the plan: what it noted is so from here on. Inside a transaction or alone.
function Planning:accept()
  if self.accepted then
    return true
  end
  local ok, message, code = self.db:transact(function()
    self.db:run(NOTED, self.number, self.connection.number)
    self.db:run(RELEASED, self.number, self.connection.number)
    self.db:run("delete from note where run = ?", self.number)
    return true
  end)
  self.accepted = ok
  return ok, message, code
end

-- A plan with a hole is never sent: ready() tells the first failure again.
function Planning:spoil(message, code)
  self.failure = self.failure or { message, code }
  return nil, message, code
end

-- Fills the run with operations that come from another one.
function Planning:derive(write, source, ...)
  if self.state ~= "planning" or self.planned > 0 then
    misuse(3, "run %d has operations already", self.number)
  end
  local arguments = table.pack(...)
  local left_out, message, code = self.db:transact(function()
    again.check(self.db, self.connection, source)
    return write(self, source, table.unpack(arguments, 1, arguments.n))
  end)
  if not left_out then
    return self:spoil(message, code)
  end
  self.planned = left_out.planned
  return left_out
end

--- Plans the reverse of what a run did and nobody has touched since; see `tagua.ledger.again`.
-- @tparam integer source its number
-- @tparam ?string tag the id of a tag, for this one alone
-- @treturn table|nil `planned`, `unattributed`, `touched`
-- @treturn string message
-- @treturn string code
function Planning:undo(source, tag)
  return self:derive(again.undo, source, tag and (self.connection.registry:known_number(tag) or -1))
end

--- Plans another try at what failed in a run.
-- @tparam integer source its number
-- @treturn table|nil `planned`, `ambiguous`, `settled`
-- @treturn string message
-- @treturn string code
function Planning:retry(source)
  return self:derive(again.retry, source)
end

--- What the planned run will do, tag by tag; see `tagua.ledger.again`.
function Planning:summary()
  return store.try(again.summary, self)
end

--- Ends the plan: the run can be sent.
-- @treturn table|nil the sums
-- @treturn string message
-- @treturn string code
function Planning:ready()
  if self.state ~= "planning" then
    misuse(2, "run %d is planned already", self.number)
  end
  if self.failure then
    return nil, self.failure[1], self.failure[2]
  end
  local ok, message, code = self:write()
  if ok then
    ok, message, code = self:write_times()
  end
  if ok then
    ok, message, code = self:write_records()
  end
  if ok then
    ok, message, code = self:write_notes()
  end
  if not ok then
    return nil, message, code
  end
  ok, message, code = self.db:transact(function()
    return self.db:run("update run set state = 'ready', planned = ? where number = ?", self.planned, self.number)
  end)
  if not ok then
    return nil, message, code
  end
  self.state = "ready"
  return self:sums()
end

--- Removes the run: a plan that was only looked at.
function Planning:discard()
  if self.state ~= "planning" and self.state ~= "ready" then
    misuse(2, "run %d has sent operations: it stays in the ledger", self.number)
  end
  return self.db:transact(function()
    for _, name in ipairs(PARTS) do
      self.db:run(("delete from %s where run = ?"):format(name), self.number)
    end
    self.db:run("delete from run where number = ?", self.number)
    self.state = "abandoned"
    return true
  end)
end

return M
