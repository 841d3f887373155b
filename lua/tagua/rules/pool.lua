--- A ruleset in worker processes: loads it, tests it, and has chunks of records decided, in order.
--
-- What a rule can do to its worker is the worker's end, never the run's: the worker is replaced and
-- its chunk decided again without the rule that did it, on the record that it did it to.
-- @module tagua.rules.pool
local core = require("tagua.core")
local hearing = require("tagua.rules.hearing")
local options = require("tagua.options")
local ruleset = require("tagua.rules.ruleset")

local M = {}

local workers = core.workers

local MIB = 1024 * 1024
local QUEUED = 2 -- tasks that one worker has at a time: one at work, one waiting
local DEATHS_MOST = 5 -- workers that one rule may end before it is not run any more
local SKIPS_MOST = 64 -- records of one chunk that may end their worker (as in sandbox_state.h)

local START = {
  jobs = { type = "integer", min = 1, max = 256 },
  memory = { type = "integer", min = 4 * MIB, max = 4096 * MIB, default = 64 * MIB },
  seconds = { type = "number", min = 0.01, max = 3600, default = 1 },
  executable = { type = "string", min = 1 },
  command = { type = "table" },
  meanwhile = { type = "function" },
}
local LOAD = {
  path = { type = "string", min = 1 },
  source = { type = "string" },
  includes = { type = "table" },
  name = { type = "string", min = 1 },
  apart = { type = "boolean", default = false },
}
local INPUT = {
  format = { type = "string", one_of = { "csv", "jsonl" }, required = true },
  header = { type = "table" },
  delimiter = { type = "string", min = 1, max = 1 },
  id = { type = "string", min = 1, default = "id" },
  at = { type = "number", required = true },
  days = { type = "table" },
}

local Pool = {}
Pool.__index = Pool

--- Makes a pool. No process starts before there are rules to load.
-- @tparam table|nil given `jobs` (worker processes), `memory` (bytes that the rules may hold in each),
--   `seconds` (processor time that the rules may take for one record), `executable` (this one), or `command`: the
--   interpreter of Lua 5.4 and its arguments that make it a worker; `meanwhile`: called again and again while workers
--   are waited for, by a program that has other things to do: true where it did, so that there is no waiting here
-- @treturn table
function M.start(given)
  local checked = options.check("rules.pool.start", given, START, 2)
  local executable = checked.executable or workers.executable() or os.getenv("TAGUA_EXECUTABLE") or "tagua"
  local command = checked.command or { executable, "--worker" }
  return setmetatable({
    jobs = checked.jobs or math.min(core.system.cores(), 256), memory = checked.memory, seconds = checked.seconds,
    command = command, is_lua = checked.command ~= nil, patience = 30 + 20 * checked.seconds, workers = {},
    meanwhile = checked.meanwhile,
  }, Pool)
end

-- A worker is `handle`, and `expected`: what it was asked for and has not answered, in order.
function Pool:spawn(probe)
  local handle, message, code = workers.start(table.unpack(self.command))
  if not handle then return nil, message, code end
  local worker = { handle = handle, expected = {} }
  self.workers[#self.workers + 1] = worker
  local file = self.file
  handle:load({
    name = file.name, source = file.source, includes = file.includes and workers.write(file.includes),
    memory = self.memory, seconds = self.seconds, probe = probe, apart = self.apart,
  })
  worker.expected[1] = { kind = "load" }
  if self.input_bytes then
    handle:send("I", self.input_bytes)
    worker.expected[2] = { kind = "input" }
  end
  return worker
end

-- Ends a worker.
function Pool:drop(worker)
  worker.handle:close()
  for i, other in ipairs(self.workers) do
    if other == worker then
      table.remove(self.workers, i)
      return
    end
  end
end

-- Ends all workers.
function Pool:drop_all()
  while self.workers[1] do
    self:drop(self.workers[#self.workers])
  end
end

-- Takes what workers have sent and hands it to `handle(worker, kind, first, second)`; kind is "gone"
-- for a worker that has ended, and then `first` says how. Stops where `handle` returns an error.
function Pool:listen(handle)
  local handles = {}
  for i, worker in ipairs(self.workers) do
    handles[i] = worker.handle
  end
  workers.poll(handles, self.meanwhile and self.meanwhile() and 0 or 1)
  for i = #self.workers, 1, -1 do
    local worker = self.workers[i]
    repeat
      local kind, first, second = worker.handle:receive()
      if kind == false then
        kind = "gone"
      elseif kind == nil and #worker.expected > 0 and worker.handle:idle() > self.patience then
        kind, first = "gone", ("no sign of life for %d s"):format(self.patience)
      end
      if kind then
        local message, code, ended = handle(worker, kind, first, second)
        if message then return nil, message, code, ended end
      end
    until not kind or kind == "gone"
  end
  return true
end

-- What to say of a worker that ended before it could decide anything.
function Pool:obituary(worker, how)
  if worker.last_words then
    local doing = { test = "a test", ask = "the rule", hook = "the hook" }
    return ("%s: %s got stuck inside one call for more than %g s"):format(self.file.name,
      doing[worker.expected[1].kind] or "loading the rules", self.seconds), "ERULES"
  end
  return ("a worker for the rules ended (%s) before it answered: is '%s' %s?"):format(how, self.command[1],
    self.is_lua and "Lua 5.4, which the option 'lua' may name" or "this version of tagua"), "EIO"
end

-- Waits for the one answer that this worker owes. Where the worker has ended instead, the last result is the rule
-- that got stuck (from 0), or true.
function Pool:answer(awaited)
  local result
  while not result do
    local ok, message, code, ended = self:listen(function(worker, kind, first, second)
      if kind == "d" then
        table.remove(worker.expected, 1)
        if #worker.expected == 0 and worker == awaited then result = first end
      elseif kind == "e" then
        self:drop(worker)
        return first, second
      elseif kind == "s" then
        worker.last_words = { record = first, rule = second }
      elseif kind == "gone" then
        local text, word = self:obituary(worker, first)
        self:drop(worker)
        return text, word, worker.last_words and worker.last_words.rule or true
      end
    end)
    if not ok then return nil, message, code, ended end
  end
  return result
end

--- Loads a rule file; what the pool had loaded before is forgotten.
-- @tparam table given `path`, or `source`, `name` and perhaps `includes` as ruleset.read gives them;
--   `apart` makes a rule of its own of each member of a one_of
-- @treturn table|nil the ruleset: `zone`, `fields`, `tags` (their positions are those in `wants`),
--   `rules`, `groups`, `folders`, `hash`, `reads_tags`, `tests`
-- @treturn string message, with the file's line
-- @treturn string "ERULES"; "EIO" when the file can't be read or no worker starts
function Pool:load(given)
  local checked = options.check("rules.pool.load", given, LOAD, 2)
  local file, message, code = ruleset.read(checked)
  if not file then return nil, message, code end
  self:drop_all()
  self.file, self.input_bytes, self.ruleset, self.apart = file, nil, nil, checked.apart
  local bytes, stuck
  for _, probe in ipairs({ true, false }) do
    local worker
    worker, message, code = self:spawn(probe)
    if not worker then return nil, message, code end
    bytes, message, code = self:answer(worker)
    stuck = worker.last_words
    if not stuck then break end -- a rule that got stuck while it was tried may do better without
  end
  if not bytes then return nil, message, code end
  local description = assert(workers.read(bytes))
  if next(description.replies) then -- what writes them loads the whole language
    require("tagua.rules.sources").write(description)
  end
  description.hash = file.hash
  description.path, description.name = file.path, file.name
  self.ruleset = description
  return description
end

-- A worker that has nothing to do, for what is asked once.
function Pool:any()
  if not self.ruleset then error("load rules first", 3) end
  if self.workers[1] and #self.workers[1].expected == 0 then return self.workers[1] end
  self:drop_all()
  local worker, message, code = self:spawn()
  if not worker then return nil, message, code end
  local _
  _, message, code = self:answer(worker)
  if not _ then return nil, message, code end
  return worker
end

--- Runs the test blocks of the rule file.
-- @tparam table given `at`: the moment (seconds) that a test without one takes for now
-- @treturn {table,...}|nil { name, ok, message, line }
function Pool:test(given)
  local at = given and given.at
  at = math.tointeger(at and at // 1) or core.system.wall_ns() // 1000000000
  local worker, message, code = self:any()
  if not worker then return nil, message, code end
  worker.handle:send("T", string.pack("=i8", at))
  worker.expected[#worker.expected + 1] = { kind = "test" }
  local bytes
  bytes, message, code = self:answer(worker)
  if not bytes then return nil, message, code end
  return assert(workers.read(bytes))
end

--- Asks one rule about records that are made up; see tagua.rules.asking.
-- @tparam table request `rule` (its position), `at` (the moment that is now), `trace`, `records`
-- @treturn {table,...}|nil one answer for each record; fewer where the rule ran out of time or memory
-- @treturn string message
-- @treturn string "ERULES" where a rule got stuck inside one call
-- @return where the worker has ended: the rule that got stuck (from 0), or true
function Pool:ask(request)
  local worker, message, code = self:any()
  if not worker then return nil, message, code end
  local bytes
  bytes, message, code = workers.write(request)
  if not bytes then return nil, message, code end
  worker.handle:send("A", bytes)
  worker.expected[#worker.expected + 1] = { kind = "ask" }
  local ended
  bytes, message, code, ended = self:answer(worker)
  if not bytes then return nil, message, code, ended end
  return assert(workers.read(bytes))
end

--- Which fields each rule may read; see tagua.rules.study.
-- @treturn {{string,...},...}|nil for each rule, by its position, the names of fields
-- @treturn string message
-- @treturn string code
function Pool:reads()
  if not self.ruleset.reads then
    local reads, message, code = self:ask({ reads = true })
    if not reads then return nil, message, code end
    self.ruleset.reads = reads
  end
  return self.ruleset.reads
end

--- How often decisions may change on their own; see tagua.rules.study.
-- @treturn table|nil `every`: "hour" or "day"; nil in it where no rule reads the clock
-- @treturn string message
-- @treturn string code
function Pool:clock()
  if not self.ruleset.clock then
    local clock, message, code = self:ask({ clock = true })
    if not clock then return nil, message, code end
    self.ruleset.clock = clock
  end
  return self.ruleset.clock
end

--- Has a hook of the rule file turn bodies of webhooks into events; see tagua.rules.hearing.
function Pool:hook(name, bodies, at)
  if not self.ruleset then error("load rules first", 2) end
  return hearing.hear(self, name, bodies, at)
end

--- Says what the records look like, and what now is.
-- @tparam table given `format` ("csv" or "jsonl"), `header` (csv: the columns' names), `delimiter`,
--   `id` (the column or key of the id), `at` (seconds since the epoch), `days` (later moments, at
--   which every record is decided again: blocks then have `changes`)
-- @treturn boolean|nil true
-- @treturn string message, naming a column that is missing and the nearest that is there
-- @treturn string "EINPUT"
function Pool:input(given)
  local checked = options.check("rules.pool.input", given, INPUT, 2)
  checked.at = math.tointeger(checked.at // 1)
  local worker, message, code = self:any()
  if not worker then return nil, message, code end
  local bytes
  bytes, message, code = workers.write(checked)
  if not bytes then return nil, message, code end
  worker.handle:send("I", bytes)
  worker.expected[#worker.expected + 1] = { kind = "input" }
  local answered
  answered, message, code = self:answer(worker)
  if not answered then return nil, message, code end
  self.input_bytes = bytes
  for i = #self.workers, 1, -1 do
    if self.workers[i] ~= worker then self:drop(self.workers[i]) end
  end
  return true
end

-- Puts names where the worker's block has positions.
function Pool:translate(block)
  local rules, fields = self.ruleset.rules, self.ruleset.fields
  for _, failure in ipairs(block.failures) do
    failure.rule = rules[failure.rule].name
  end
  local unknown = {}
  for _, entry in ipairs(block.unknown) do
    local rule = rules[entry.rule]
    for tag = rule.first, rule.first + rule.count - 1 do
      unknown[#unknown + 1] = { tag = tag, field = fields[entry.field].name, count = entry.count }
    end
  end
  block.unknown = unknown
  local present = {}
  for i, field in ipairs(fields) do
    present[field.name] = block.present[i]
  end
  block.present = present
  return block
end

-- The state of one pass over the records: tasks handed out, blocks that came back too early.
local Pass = {}
Pass.__index = Pass

-- Gives a task to a worker.
function Pass:hand(worker, task)
  local front = workers.write({
    first_line = task.first_line, tagsets = task.tagsets, skip = task.skip, announce = task.announce,
    disabled = self.disabled, asleep = self.asleep,
  })
  worker.handle:send("D", front, task.chunk)
  worker.expected[#worker.expected + 1] = { kind = "task", task = task }
end

-- The worker that has least to do, where one has room.
function Pass:idlest()
  local pool, best = self.pool, nil
  for _, worker in ipairs(pool.workers) do
    if #worker.expected < QUEUED + 2 and (not best or #worker.expected < #best.expected) then best = worker end
  end
  local busy = best and best.expected[1] and best.expected[#best.expected].kind == "task"
  if (not best or busy) and #pool.workers < pool.jobs then return pool:spawn() end
  if best then
    local tasks = 0
    for _, entry in ipairs(best.expected) do
      if entry.kind == "task" then tasks = tasks + 1 end
    end
    if tasks < QUEUED then return best end
  end
  return nil
end

-- Hands out chunks while a worker has room and not too much waits to be taken.
function Pass:feed()
  while not self.drained and self.handed - self.given < (QUEUED + 1) * self.pool.jobs do
    local worker, message, code = self:idlest()
    if not worker then
      if message then return nil, message, code end
      return true
    end
    local chunk, first_line, tagsets = self.source()
    if not chunk then
      self.drained = true
      if type(first_line) == "string" then return nil, first_line, tagsets end
      return true
    end
    self.handed = self.handed + 1
    self:hand(worker, { number = self.handed, chunk = chunk, first_line = first_line, tagsets = tagsets, skip = {} })
  end
  return true
end

-- Notes which rule ended the worker, on which record; a rule that does it again and again is not
-- run any more.
function Pass:blame(task, record, rule, reason)
  task.skip[#task.skip + 1] = { record = record, rule = rule, reason = reason }
  local deaths = self.deaths
  deaths[rule] = (deaths[rule] or 0) + 1
  if deaths[rule] == DEATHS_MOST then
    self.disabled[#self.disabled + 1] = {
      rule = rule,
      reason = ("is not run any more: it ended a worker for %d users"):format(DEATHS_MOST),
    }
  end
end

-- A worker has ended: finds out what did it, as far as its last words tell, and has another one do
-- its work. A worker that died without a word is asked to announce each rule the second time.
function Pass:replace(worker, how)
  local pool = self.pool
  local first = worker.expected[1]
  if not first or first.kind ~= "task" then
    local message, code = pool:obituary(worker, how)
    pool:drop(worker)
    return message, code
  end
  local task = first.task
  if worker.last_words then
    self:blame(task, worker.last_words.record, worker.last_words.rule,
      ("got stuck inside one call for more than %g s (a pattern that tries too much?)"):format(pool.seconds))
  elseif worker.announced then
    self:blame(task, worker.announced.record, worker.announced.rule, ("ended its worker (%s)"):format(how))
  elseif task.announce then
    pool:drop(worker)
    return ("a worker for the rules ended twice (%s) before it ran one of them"):format(how), "EIO"
  else
    task.announce = true
  end
  if #task.skip > SKIPS_MOST then
    pool:drop(worker)
    return ("more than %d records of one chunk ended their worker; the last: %s"):format(SKIPS_MOST, how), "ERULES"
  end
  pool:drop(worker)
  local fresh, message, code = pool:spawn()
  if not fresh then return message, code end
  for _, entry in ipairs(worker.expected) do
    if entry.kind == "task" then self:hand(fresh, entry.task) end
  end
end

-- Takes one frame of a worker, or its end. Returns a message and a code where the pass can't go on.
function Pass:hear(worker, kind, first, second)
  if kind == "d" then
    local entry = table.remove(worker.expected, 1)
    worker.announced = nil
    if entry.kind == "task" then self.blocks[entry.task.number] = first end
  elseif kind == "n" then
    worker.announced = { record = first, rule = second }
  elseif kind == "s" then
    worker.last_words = { record = first, rule = second }
  elseif kind == "e" then
    self.pool:drop(worker)
    return first, second
  elseif kind == "gone" then
    return self:replace(worker, first)
  end
end

-- The next block in the order of the input; nil at the end; nil, message, code when it can't go on.
function Pass:next()
  if self.broken then return nil, table.unpack(self.broken) end
  while true do
    local bytes = self.blocks[self.given + 1]
    if bytes then
      self.given = self.given + 1
      self.blocks[self.given] = nil
      return self.pool:translate(workers.block(bytes))
    end
    local ok, message, code = self:feed()
    if ok and self.drained and self.given == self.handed then return nil end
    if ok and not self.blocks[self.given + 1] then
      ok, message, code = self.pool:listen(function(...)
        return self:hear(...)
      end)
    end
    if not ok then
      self.broken = { message, code }
      return nil, message, code
    end
  end
end

--- Decides records.
-- @tparam function source gives a chunk of whole records and the number of its first line, and where
--   the rules read a tagset the tags of its users: { [id] = { name, ... } }; nil at the end, or
--   nil, message, code when there will be no more though there should be
-- @tparam[opt] {integer,...} asleep the positions of rules that are not run: their tags are left alone
-- @treturn function an iterator over blocks in the input's order: { n, ids, lines, wants, rejected,
--   rejected_count, failures, failed, unknown, present, changes }, where changes are rows of four (record,
--   tag, moment among the `days`, byte of `wants` from then on); at the end nil, or nil, message, code
function Pool:decide(source, asleep)
  if not self.input_bytes then error("say what the records look like first: pool:input", 2) end
  for i = #self.workers, 1, -1 do -- what an abandoned pass left behind
    if #self.workers[i].expected > 0 then self:drop(self.workers[i]) end
  end
  local pass = setmetatable({
    pool = self, source = source, blocks = {}, handed = 0, given = 0, deaths = {}, disabled = {},
    asleep = asleep,
  }, Pass)
  return function()
    return pass:next()
  end
end

--- The process ids of the workers that run now.
-- @treturn {integer,...}
function Pool:pids()
  local pids = {}
  for i, worker in ipairs(self.workers) do
    pids[i] = worker.handle:pid()
  end
  return pids
end

--- Ends the workers. The pool can load again afterwards.
function Pool:close()
  self:drop_all()
  self.ruleset, self.input_bytes = nil, nil
end

Pool.__gc = Pool.close
Pool.__close = Pool.close

return M
