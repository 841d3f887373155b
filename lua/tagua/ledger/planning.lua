--- The planning of a run: its operations are written in bulk, in the order in which they are to be
-- carried out, each with what was there before. Nothing here is sent.
local store = require("tagua.ledger.store")

local M = {}

local PLAN_BATCH, MAX_USER = 5000, 512

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
    for _, name in ipairs({ "operation", "timing", "price" }) do
      db:run(("delete from %s where run in (%s)"):format(name, FORGOTTEN), before)
    end
    db:run("delete from run where state in ('planning', 'ready') and created < ?", before)
  end
end

local INSERT = [[
  insert into operation (run, seq, user, tag, action, rule, input_line, before, lasts, ends, outcome, message)
    select ?1, ?2, ?3, ?4, ?5, ?6, ?7,
      case when h.tag is null then ?8 when h.doubt <> 0 then null
           when h.present = 0 then 0 else coalesce(h.timestamp, 1) end,
      ?10, ?11, case when ?12 is not null then 'skipped' end, ?12
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
          store.cap(operation.skip)
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
--   `skip` says why the operation is not to be sent.
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
    self.counts.skipped = (self.counts.skipped or 0) + 1
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

-- A plan with a hole is never sent: ready() tells the first failure again.
function Planning:spoil(message, code)
  self.failure = self.failure or { message, code }
  return nil, message, code
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
    self.db:run("delete from operation where run = ?", self.number)
    self.db:run("delete from timing where run = ?", self.number)
    self.db:run("delete from price where run = ?", self.number)
    self.db:run("delete from run where number = ?", self.number)
    self.state = "abandoned"
    return true
  end)
end

return M
