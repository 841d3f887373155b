--- The keeper of one connection: follows its events, has the rules decide, keeps the queue of operations moving while
-- it is the one who sends, and takes care of what time brings. One process; whatever takes long leaves off again and
-- again, so that an event that comes in is never far from its tag.
--
--    local keeper = assert(require("tagua.serve.keeper").open({ name = "shop", connection =, book =, inbox =, ... }))
--    while not told_to_stop do keeper:round(0.25) end
--    keeper:drain(25)
--
-- It may be killed at any moment: what it has to know again is in the ledger, written together with what it is about.
-- @module tagua.serve.keeper
local affected = require("tagua.rules.affected")
local core = require("tagua.core")
local counters = require("tagua.serve.keeper.counters")
local deciding = require("tagua.serve.keeper.deciding")
local doubt = require("tagua.serve.keeper.doubt")
local expire = require("tagua.serve.keeper.expire")
local fitting = require("tagua.fitting")
local follow = require("tagua.events.follow")
local hooks = require("tagua.serve.keeper.hooks")
local logs = require("tagua.serve.log")
local mirrored = require("tagua.events.mirrored")
local open_hours = require("tagua.hours")
local options = require("tagua.options")
local polling = require("tagua.serve.keeper.polling")
local runs = require("tagua.serve.keeper.runs")
local sending = require("tagua.serve.keeper.sending")
local state = require("tagua.serve.keeper.state")
local sweep = require("tagua.serve.keeper.sweep")
local wishes = require("tagua.serve.keeper.wishes")

local M = {}

local Keeper = {}
Keeper.__index = Keeper

local SECOND = 1000000000
local FOLDED = 1000 -- events at a time
local DECIDED_MOST, DECIDED_FIRST = 512, 64 -- users of a piece: as many as a quarter of a second decides
local PIECE_NS = SECOND // 4
local UNFINISHED_MOST = 4 -- runs of events that are not over
local IDLE, BUSY = 0.05, 0.002 -- seconds that a wait may take: nothing to do, a worker is deciding
local FORGOTTEN = 256 -- events that are forgotten in one transaction
local FIRST_WAIT_NS, LONGEST_WAIT_NS = SECOND, 60 * SECOND -- after something of our own failed: a disk, a lock
local RULE_SECONDS = 0.5 -- of processor time that the rules may take for one user, while others wait
local JOBS = 1 -- processes that decide

local OPEN = {
  name = { type = "string", min = 1, required = true },
  connection = { type = "table", required = true },
  book = { type = "table", required = true },
  ledger = { type = "table" },
  inbox = { type = "table", required = true },
  pool = { type = "table", required = true },
  ruleset = { type = "table" },
  settings = { type = "table", required = true },
  lock = { type = "function", required = true },
  log = { type = "table" },
  now = { type = "function" },
}

--- Opens a keeper.
-- @tparam table given
--   name: of the connection; connection: open; book: the ledger's side of it; inbox: see `tagua.events.inbox`, open
--   to write; pool: see `tagua.rules.pool`, the rules loaded; settings: see `tagua.settings`;
--   lock: tries to become the sender, see `tagua.sender`; log: see `tagua.serve.log`;
--   now: milliseconds since the epoch
-- @treturn table|nil
-- @treturn string message
-- @treturn string code
function M.open(given)
  local o = options.check("keeper.open", given, OPEN, 2)
  local self = setmetatable({
    name = o.name,
    connection = o.connection,
    book = o.book,
    box = o.inbox,
    pool = o.pool,
    settings = o.settings,
    log = o.log or logs.open({ part = "keeper", connection = o.name }),
    now = o.now or function()
      return core.system.wall_ns() // 1000000
    end,
    counts = counters.new(),
    pauses = {},
    piece = DECIDED_FIRST,
    seconds = RULE_SECONDS,
    jobs = JOBS,
  }, Keeper)
  self.pool.seconds = math.min(self.pool.seconds, RULE_SECONDS)
  local message, code
  self.state, message, code = state.open(self.book, follow.numbers_of(self.box, self.book.name))
  if not self.state then
    return nil, message, code
  end
  self.runs, self.wishes, self.expire, self.sweep = runs.new(self), wishes.new(self), expire.new(self), sweep.new(self)
  self.polling, self.hooks = polling.new(self), hooks.new(self)
  self.doubt = doubt.new(self, runs.wait)
  self.sending = sending.new(self, o.lock)
  self.server = self.sending.server
  self.hours = self.settings.hours and open_hours.parse(self.settings.hours)
  self.hours_zone = self.hours and core.zone.open(self.settings.zone)
  self.pool.meanwhile = function()
    if coroutine.running() ~= self.task then
      return false
    end
    coroutine.yield()
    return true
  end
  local ok
  ok, message, code = self:go_by(self.pool.file)
  if not ok then
    return nil, message, code
  end
  ok, message, code = self.runs:look(true)
  if ok == nil then
    return nil, message, code
  end
  return self
end

-- Takes the rules in the pool for those that count from now on.
function Keeper:go_by(file)
  local ruleset = self.pool.ruleset
  local zone, message, code = core.zone.open(ruleset.zone or "UTC")
  if not zone then
    return nil, message, code
  end
  local clock, ok
  clock, message, code = self.pool:clock()
  if not clock then
    return nil, message, code
  end
  local reads
  reads, message, code = self.pool:reads()
  if not reads then
    return nil, message, code
  end
  ok, message, code = self.book:keep_rules(file)
  if not ok then
    return nil, message, code
  end
  local followed
  followed, message, code = follow.open(self.book, self.box, ruleset)
  if not followed then
    return nil, message, code
  end
  self.book:only(fitting.meant(self.settings, ruleset))
  self.fill = ruleset.poll and mirrored.filler(self.book.ledger.store, self.book.number, ruleset.fields)
  self.follow, self.zone, self.clock_every = followed, zone, clock.every
  self.asleep_for = affected.new(ruleset.fields, reads)
  self.rules = file.path or self.rules or file.name
  self.reading = "events for " .. self.rules
  self:tell_incomplete()
  return true
end

-- Says what the rules can't know of events, because those were gone before the rules asked.
function Keeper:tell_incomplete()
  local function moment(ms)
    return self.zone:format(ms // 1000)
  end
  if self.follow.other_inbox then
    local text = "the file of events is another one, or the connection has another name: what has a window begins anew"
    self.log:warning("inbox", text, { path = self.box.path })
  end
  for _, one in ipairs(self.follow:incomplete(self.now())) do
    local text = "the field '%s' knows what happened since %s; earlier events were gone when the rules first asked"
    text = text:format(one.field, moment(one.since))
    if one.whole then
      text = ("%s, and it is whole from %s on"):format(text, moment(one.whole))
    end
    self.log:warning("incomplete", text, { field = one.field })
  end
end

--- Goes by other rules from the next user on. Runs that are under way go on.
-- @tparam table file as `tagua.rules.ruleset` reads it, or the ledger keeps it
-- @treturn true|nil
-- @treturn string message
-- @treturn string code; the rules of before count on
function Keeper:use(file)
  while self.task do
    self:go_on()
  end
  local before = self.pool.file
  local function load(one)
    local path = one.path or self.rules
    return self.pool:load({ name = one.name, source = one.source, includes = one.includes, path = path })
  end
  local ok, message, code = load(file)
  if ok then
    ok, message, code = fitting.check(self.pool.ruleset, self.settings)
  end
  if ok then
    ok, message, code = self:go_by(self.pool.file)
  end
  if not ok then
    assert(load(before))
    assert(self:go_by(self.pool.file))
    return nil, message, code
  end
  self.sweep:restart()
  self.log:info("rules", "goes by other rules from here on", { hash = self.pool.ruleset.hash })
  return true
end

--- Whether the connection may send at this hour.
-- @treturn boolean
function Keeper:may_send()
  return not self.hours or open_hours.open(self.hours, self.hours_zone, self.now() // 1000)
end

-- Whether users can be decided: the platform was read, and what is decided can be sent.
function Keeper:may_decide()
  return self.polling:ready() and self.sending:ready() and self:may_send()
end

--- The records of users, as lines of JSON.
-- @tparam {string,...} users
-- @treturn function|nil an iterator
-- @treturn string message
-- @treturn string code
function Keeper:records(users)
  return self.follow:records(users, self.now(), self.fill)
end

-- Those whose turn has come again take their place among those of whom something moved.
function Keeper:call_back()
  local users = self.state:due(self.now(), DECIDED_MOST)
  if #users == 0 then
    return false
  end
  return self.book.ledger.store:transact(function()
    self.follow:show(users, self.now())
    for _, user in ipairs(users) do
      self.state:called(user)
    end
    return true
  end)
end

-- Goes on with what workers are waited for, as far as it goes now: the one task that there is at a time.
function Keeper:go_on()
  local alive, made, message, code = coroutine.resume(self.task)
  if not alive then
    error(debug.traceback(self.task, tostring(made)), 0)
  elseif coroutine.status(self.task) ~= "dead" then
    return true
  end
  self.task = nil
  return made, message, code
end

-- Has the rules turn bodies of webhooks into events.
function Keeper:hear(raws)
  self.task = coroutine.create(function()
    return self.hooks:parse(raws)
  end)
  return self:go_on()
end

-- Decides users, and makes the next piece as large as this one was fast.
function Keeper:decide(users, about)
  self.task = coroutine.create(function()
    local began_ns = core.system.monotonic_ns()
    local made, message, code = deciding.changed(self, users, about)
    if not made then
      return nil, message, code
    end
    local took_ns = core.system.monotonic_ns() - began_ns
    self.counts.rule_seconds = self.counts.rule_seconds + took_ns / SECOND
    self.piece = took_ns > PIECE_NS and math.max(1, self.piece // 2) or math.min(DECIDED_MOST, self.piece * 2)
    for _ = 1, made.runs do
      self.runs:begun("events")
    end
    if made.runs > 0 then
      self.server:hurry()
    end
    return true
  end)
  return self:go_on()
end

-- What there is for the rules to do: bodies of webhooks, then users of whom something moved.
function Keeper:think()
  if self.task then
    return self:go_on()
  end
  self.heard = not self.heard -- bodies and users take turns
  local raws, message, code = {}, nil, nil
  if self.heard then
    raws, message, code = self.hooks:waiting()
  end
  if not raws then
    return nil, message, code
  elseif #raws > 0 then
    return self:hear(raws)
  elseif self.runs:number_of("events") >= UNFINISHED_MOST or not self:may_decide() then
    return false
  end
  local users, about
  users, about, code = self.follow:changed(self.piece)
  if not users then
    return nil, about, code
  end
  return #users > 0 and self:decide(users, about)
end

-- Folds what came in. Not while users are being decided: what moves then moves them again.
function Keeper:fold()
  if self.task then
    return false
  end
  local count, message, code = self.follow:fold(FOLDED, self.now())
  if not count then
    return nil, message, code
  end
  self.counts.folded = self.counts.folded + count
  return count > 0
end

-- Moves on in time: who left a window is changed.
function Keeper:leave_windows()
  if self.task then
    return false
  end
  local count, message, code = self.follow:due(self.now(), FOLDED)
  return count and count > 0, message, code
end

-- Forgets what no rule can ask for any more, and wishes that were taken up.
function Keeper:forget()
  local count, message, code = self.follow:forget(self.now(), FORGOTTEN)
  if not count then
    return nil, message, code
  end
  local gone
  gone, message, code = self.box:forget_wishes(self.name, self.state:get("wishes"), FORGOTTEN)
  if not gone then
    return nil, message, code
  end
  local ok
  ok, message, code = self.hooks:forget()
  if not ok then
    return nil, message, code
  end
  self.forget_ns = core.system.monotonic_ns() + (count + gone >= FORGOTTEN and SECOND // 10 or 10 * SECOND)
  return false
end

-- One of the things that the keeper does, each in a bounded piece; one that failed rests for a while.
function Keeper:part(name, f, ...)
  local pause = self.pauses[name]
  if pause and core.system.monotonic_ns() < pause.until_ns then
    return false
  end
  local did, message, code = f(...)
  if did ~= nil or not message then
    self.pauses[name] = nil
    return did
  end
  local wait_ns = pause and math.min(LONGEST_WAIT_NS, 2 * pause.wait_ns) or FIRST_WAIT_NS
  self.pauses[name] = { wait_ns = wait_ns, until_ns = core.system.monotonic_ns() + wait_ns }
  self.counts.errors[code or "?"] = (self.counts.errors[code or "?"] or 0) + 1
  self.log:seldom("error", name .. "_failed", message, { code = code, again_in = wait_ns // SECOND })
  return false
end

-- What there is to do beside sending; tells whether there was anything.
function Keeper:attend()
  local busy = false
  local function part(name, f, ...)
    busy = self:part(name, f, ...) or busy
  end
  part("runs", self.runs.look, self.runs)
  if self.leaving then
    if self.task then
      part("rules", self.go_on, self)
    end
    return busy
  end
  part("fold", self.fold, self)
  part("rules", self.think, self)
  part("windows", self.leave_windows, self)
  part("again", self.call_back, self)
  if self.sending:ready() and self:may_send() then
    part("poll", self.polling.round, self.polling)
  end
  if self:may_decide() then
    part("wishes", self.wishes.round, self.wishes)
    part("expire", self.expire.round, self.expire)
    if not busy and not self.task and not self.follow:building() then
      part("sweep", self.sweep.round, self.sweep)
    end
  end
  if not busy and core.system.monotonic_ns() >= (self.forget_ns or 0) then
    part("forget", self.forget, self)
  end
  return busy
end

--- Does what there is to do, for about so long.
-- @tparam number seconds
-- @tparam[opt] {integer,...} fds descriptors that end a wait when they can be read
function Keeper:round(seconds, fds)
  local until_ns = core.system.monotonic_ns() + math.floor(seconds * SECOND)
  repeat
    local busy = self:attend()
    local sent = self.sending:go()
    if not busy and not sent then
      local left = (until_ns - core.system.monotonic_ns()) / SECOND
      self.connection:poll(math.max(0, math.min(left, self:patience())), fds)
    end
  until core.system.monotonic_ns() >= until_ns
end

--- How long a wait for the platform may take now, in seconds.
function Keeper:patience()
  return (self.task or self.sweep.task) and BUSY or IDLE
end

--- Takes in nothing more, and finishes what is under way; the rest waits in the ledger for whoever sends next.
-- @tparam number seconds at most
function Keeper:drain(seconds)
  local until_ns = core.system.monotonic_ns() + math.floor(seconds * SECOND)
  self.leaving = true
  self.sweep:stop()
  while self.task and core.system.monotonic_ns() < until_ns do
    self:round(0.01)
  end
  self.sending:finish(until_ns)
  self:part("runs", self.runs.look, self.runs, true)
end

--- What is counted, by the names that /metrics has.
-- @treturn {[string]=number}
function Keeper:stats()
  return counters.read(self)
end

--- Ends the keeper; what is open was opened by others.
function Keeper:close()
  self.sweep:stop()
  self.sending:close()
  self.pool.meanwhile = nil
end

return M
