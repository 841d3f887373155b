--- What the page shows, as tables: connections, tags, runs, failures, users and why they have their tags.
-- Reads the ledger and never writes to it; every answer has a cap.
-- @module tagua.serve.page_data
local core = require("tagua.core")
local json = require("tagua.json")
local schema = require("tagua.ledger.schema")
local sizes = require("tagua.serve.page_sizes")
local store = require("tagua.ledger.store")

local M = {}

local CONNECTIONS, TAGS, RUNS, FAILURES, FOUND, HELD, HISTORY = 100, 200, 10, 20, 20, 200, 20
local NAMES_LOOKED_AT = 20000 -- users whose names one search looks through
local FAILED_RUNS_BACK, OPERATIONS_READ = 2000, 250000 -- how far failures are looked for
local REASONS_KEPT = 500 -- runs whose failures are remembered
local EVENTS_READ = 20000 -- runs of live events that the last day's sums go through
local WORK_NS = 30 * 1000000 -- of counting for one answer
local USERS_AGE, AGE_SHARE = 30, 50 -- seconds that a count of all users is good for, and times what it took
local DAY, MINUTE = 86400, 60

local Data = {}
Data.__index = Data

--- Opens what the page is made of; the file may come later.
-- @tparam table given
--   ledger: the ledger's path;
--   zone: the name of the zone whose days are shown, `Asia/Taipei` unless told;
--   served: `{ [name] = { per_second = } }`, the connections that are served and their rates;
--   live: gives `{ [name] = { per_second =, rate =, in_minute =, paused =, waiting = } }` for them, what the
--     senders know themselves: the rate allowed and the one in force, operations in the last minute, seconds
--     that the platform still wants left alone, operations that wait;
--   state: gives how `tagua serve` itself is, which the overview passes on: `rules` (`refused`: why a changed file is
--     not used), `configuration_changed`, `parts` (whether each is `ready`);
--   now: gives seconds since the epoch; clock: nanoseconds; slice: see `tagua.serve.page_sizes`
-- @treturn table|nil
-- @treturn string message
-- @treturn string code
function M.open(given)
  local zone, message, code = core.zone.open(given.zone or "Asia/Taipei")
  if not zone then
    return nil, message, code
  end
  return setmetatable({
    path = given.ledger,
    zone = zone,
    served = given.served or {},
    live = given.live or function() return {} end,
    state = given.state or function() return nil end,
    now = given.now or os.time,
    clock = given.clock or core.system.monotonic_ns,
    slice = given.slice,
    sizes = {},
    users = {}, -- [connection] = { at, count, blocked }
    reasons = {}, -- [run] = the failures of a run that is over, so many of them:
    kept = 0,
  }, Data)
end

--- Closes the file.
function Data:close()
  if self.db then
    self.db:close()
    self.db = nil
  end
end

local function open_ledger(self)
  if self.db then
    return
  end
  if not core.system.file_kind(self.path) then
    store.fail("ENOTFOUND", "there is no ledger '%s' yet: the first run makes it", self.path)
  end
  local db = store.must(store.open(self.path, { readonly = true, create = false, busy = 1, cache = 8 }))
  local version = db:row("pragma user_version")
  if version ~= schema.version() then
    db:close()
    store.fail("ELEDGER", "the ledger '%s' is of version %d, this page reads %d: run `tagua runs` once to bring it up"
      .. " to date", self.path, version, schema.version())
  end
  self.db = db
end

-- Runs a question in one transaction, so that all of it sees one moment.
local function ask(self, f, ...)
  local arguments = table.pack(...)
  return store.try(function()
    open_ledger(self)
    store.must(self.db.db:exec("begin"))
    local ok, result = pcall(f, self, self.db, table.unpack(arguments, 1, arguments.n))
    self.db.db:exec("rollback")
    if not ok then
      error(result, 0)
    end
    return result
  end)
end

-- The rows of a question as tables of these columns.
local function list_of(db, columns, text, ...)
  local found = json.array({})
  local names = {}
  for name in columns:gmatch("[%w_]+") do
    names[#names + 1] = name
  end
  local step, state, control = db:rows(text, ...)
  while true do
    local row = table.pack(step(state, control))
    if row[1] == nil then
      return found
    end
    local entry = {}
    for i, name in ipairs(names) do
      entry[name] = row[i]
    end
    found[#found + 1] = entry
  end
end

-- Takes what is over the cap off a list -> whether there was any.
local function cut(list, most)
  local more = #list > most
  while #list > most do
    list[#list] = nil
  end
  return more
end

local function connection_of(db, number)
  local found, name = db:row("select number, name from connection where number = ?", number)
  if not found then
    store.fail("ENOTFOUND", "the ledger has no connection %d", number)
  end
  return name
end

-- ---- connections ----------------------------------------------------------------------------

local LAST_MINUTE = [[
  select (select coalesce(sum(j.last - j.first + 1), 0) from journal j join run r on r.number = j.run
      where r.connection = ?1 and j.at > ?2 and j.outcome not in ('sending', 'returned', 'skipped'))
    + (select count(*) from run r cross join operation o on o.run = r.number
      where r.number in (select number from run where connection = ?1 order by number desc limit 50)
        and (r.state = 'sending' or r.finished > ?2)
        and o.at > ?2 and o.outcome not in ('sending', 'skipped'))]]
local WAITING = "select coalesce(sum(planned), 0) from run where connection = ? and state = 'queued'"

local function users_of(self, db, number)
  local known, now = self.users[number], self.now()
  if not known or now - known.at >= math.max(USERS_AGE, known.took_ns * AGE_SHARE // 1000000000) then
    local began_ns = self.clock()
    local count, blocked =
      db:row("select count(*), coalesce(sum(blocked), 0) from user where connection = ?", number)
    known = { at = now, took_ns = self.clock() - began_ns, count = count, blocked = blocked }
    self.users[number] = known
  end
  return known
end

local function quota_of(self, db, number, name)
  local served, live = self.served[name], self.live()[name] or {}
  return {
    per_second = live.per_second or served and served.per_second,
    rate = live.rate,
    in_minute = live.in_minute or db:row(LAST_MINUTE, number, self.now() - MINUTE),
    paused = live.paused,
    waiting = live.waiting or db:row(WAITING, number),
  }
end

local function event_sums(self, db, number)
  local sums = { runs = 0, done = 0, failed = 0, whole = true }
  local since = self.now() - DAY
  for created, done, failed, finished in db:rows(
    "select created, coalesce(done, 0), coalesce(failed, 0), finished from run "
      .. "where connection = ? and kind = 'event' and state <> 'planning' order by number desc limit ?",
    number, EVENTS_READ)
  do
    if created < since then
      return sums
    end
    sums.runs, sums.done, sums.failed = sums.runs + 1, sums.done + done, sums.failed + failed
    sums.last = sums.last or finished or created
  end
  sums.whole = sums.runs < EVENTS_READ
  return sums
end

local function overview(self, db)
  local list = list_of(db, "number name platform bot page channel pulled",
    "select number, name, platform, bot, page, channel, pulled from connection order by number limit ?", CONNECTIONS)
  for _, one in ipairs(list) do
    local users = users_of(self, db, one.number)
    one.users, one.blocked = users.count, users.blocked
    one.served = self.served[one.name] ~= nil
    one.quota = quota_of(self, db, one.number, one.name)
    one.events = event_sums(self, db, one.number)
  end
  return {
    now = self.now(),
    zone = self.zone:name(),
    version = require("tagua.version"),
    state = self.state(),
    connections = list,
  }
end

--- The connections of the ledger: users, quota in use, live events of the last day.
-- @treturn table|nil
-- @treturn string message
-- @treturn string code
function Data:overview()
  local found, message, code = ask(self, overview)
  if code == "ENOTFOUND" then -- nothing was done yet: nothing to show, and no error
    return { now = self.now(), zone = self.zone:name(), version = require("tagua.version"),
      state = self.state(), connections = json.array({}) }
  end
  return found, message, code
end

-- ---- tags -----------------------------------------------------------------------------------

local function tags(self, db, number, first)
  connection_of(db, number)
  local counter = self.sizes[number] or sizes.new(db, number, self.zone, self.clock, self.slice)
  self.sizes[number] = counter
  local whole = counter:work(self.now(), WORK_NS)
  local found = counter:tags(self.now(), first, TAGS) or { tags = {}, days = {}, count = 0 }
  json.array(found.tags)
  found.counting = not whole
  found.next = first + TAGS <= found.count and first + TAGS or nil
  return found
end

--- The tags of a connection, the largest first: size, and a line of the last 30 days.
-- @tparam integer number the connection's, in the ledger
-- @tparam[opt=1] integer first the place of the first tag
-- @treturn table|nil `counting`: whether there is more to count, so that asking again tells more
function Data:tags(number, first)
  return ask(self, tags, number, first or 1)
end

-- ---- runs -----------------------------------------------------------------------------------

local OVER = { done = true, abandoned = true }
local RUN = "run kind state created finished rules input planned done failed skipped message"

-- The sums of a run that is under way: what was folded into its operations, and what the journal has since. The view
-- `runs` has the same; it is made for a person's question, and reads the journal operation by operation.
local SUMS = [[
  select coalesce(sum(n) filter (where outcome in ('done', 'unattributed')), 0),
    coalesce(sum(n) filter (where outcome in ('failed', 'ambiguous')), 0),
    coalesce(sum(n) filter (where outcome in ('skipped', 'stands')), 0)
  from (select outcome, count(*) as n from operation where run = ?1 and outcome is not null group by outcome
    union all select outcome, sum(last - first + 1) from journal where run = ?1 group by outcome)]]

local function with_sums(db, run)
  if not OVER[run.state] then
    run.done, run.failed, run.skipped = db:row(SUMS, run.run)
  end
  run.left = run.planned - run.done - run.failed - run.skipped
  return run
end

local function runs(_, db, number, before, events)
  connection_of(db, number)
  local list = list_of(db, RUN, [[
    select number, kind, state, created, finished, rules, input, planned, coalesce(done, 0), coalesce(failed, 0),
      coalesce(skipped, 0), message
    from run where connection = ?1 and state not in ('planning', 'ready') and (kind = 'event') = ?2
      and (?3 is null or number < ?3)
    order by number desc limit ?4]], number, events and 1 or 0, before, RUNS + 1)
  local more = cut(list, RUNS)
  for _, run in ipairs(list) do
    with_sums(db, run)
  end
  return { runs = list, next = more and list[#list].run or nil }
end

--- The last runs, the newest first.
-- @tparam integer number the connection's
-- @tparam[opt] integer before runs before this one
-- @tparam[opt] boolean events runs of live events, in place of all others
-- @treturn table|nil
function Data:runs(number, before, events)
  return ask(self, runs, number, before, events)
end

-- ---- failures -------------------------------------------------------------------------------

-- By code: the latest moment, one of the messages, how many, and the first of them as an example.
local REASONS = [[
  select f.run, f.at, f.code, f.message, f.n, t.name, o.user from (
      select ?1 as run, min(seq) as seq, max(at) as at, code, min(message) as message, sum(n) as n from (
        select seq, at, code, message, 1 as n from operation where run = ?1 and outcome in ('failed', 'ambiguous')
        union all select first, at, code, message, last - first + 1 from journal
          where run = ?1 and outcome in ('failed', 'ambiguous'))
      group by code) f
    join operation o on o.run = f.run and o.seq = f.seq join tag t on t.number = o.tag
  order by f.n desc limit ?2]]
local WITH_FAILURES = [[
  select number, state, planned, failed from (
    select number, state, planned, failed from run where connection = ?1 and state not in ('planning', 'ready')
    order by number desc limit ?2)
  where failed > 0 or state not in ('done', 'abandoned') order by number desc limit ?3]]

local function failures(self, db, number)
  connection_of(db, number)
  local list, read = json.array({}), 0
  local stopped = list_of(db, "run time message", [[
    select number, coalesce(finished, created), message from run
    where connection = ? and state in ('interrupted', 'stopped') and message is not null
    order by number desc limit ?]], number, FAILURES)
  for _, run in ipairs(list_of(db, "run state planned", WITH_FAILURES, number, FAILED_RUNS_BACK, FAILURES)) do
    local reasons = self.reasons[run.run]
    if not reasons then
      if read > 0 and read + run.planned > OPERATIONS_READ then
        break
      end
      read = read + run.planned
      reasons = list_of(db, "run time code message operations tag user", REASONS, run.run, FAILURES)
      if OVER[run.state] then
        if self.kept >= REASONS_KEPT then
          self.reasons, self.kept = {}, 0
        end
        self.reasons[run.run], self.kept = reasons, self.kept + 1
      end
    end
    for _, reason in ipairs(reasons) do
      list[#list + 1] = reason
    end
  end
  local more = cut(list, FAILURES)
  return { failures = list, stopped = stopped, more = more }
end

--- Why operations failed lately, by run and reason, and which runs stopped.
-- @tparam integer number the connection's
-- @treturn table|nil
function Data:failures(number)
  return ask(self, failures, number)
end

-- ---- users ----------------------------------------------------------------------------------

local USER = "id name ext_id phone email blocked created last_active"
local SELECT_USER = "select id, name, ext_id, phone, email, blocked, created, last_active from user "
-- Those of whom the mirror knows nothing but what was done to them.
local TOUCHED = [[
  select ?2 where exists (select 1 from operation o join run r on r.number = o.run
      where o.user = ?2 and r.connection = ?1)
    or exists (select 1 from holding where connection = ?1 and user = ?2)]]

local BY_NAME = [[
  select id, name, ext_id, phone, email, blocked, created, last_active from (
    select id, name, ext_id, phone, email, blocked, created, last_active from user
    where connection = ?1 and id > ?2 order by id limit ?4)
  where instr(lower(name), lower(?3)) > 0 limit ?5]]
local LAST_OF_STRETCH =
  "select count(*), max(id) from (select id from user where connection = ? and id > ? order by id limit ?)"

-- The first text after all that begin with this one.
local function after(prefix)
  return prefix .. "\u{10FFFF}"
end

local function users(_, db, number, question, from)
  connection_of(db, number)
  local list, seen = json.array({}), {}
  local function take(found)
    for _, user in ipairs(found) do
      if not seen[user.id] and #list <= FOUND then
        seen[user.id] = true
        user.blocked = user.blocked == 1
        list[#list + 1] = user
      end
    end
  end
  local answer = { users = list }
  if not from then
    take(list_of(db, USER, SELECT_USER .. "where connection = ? and id = ?", number, question))
    if #list == 0 then
      take(list_of(db, "id", TOUCHED, number, question))
    end
    for _, column in ipairs({ "ext_id", "phone", "email" }) do
      -- Told which index: without statistics the planner takes the key, and so would walk through everybody.
      local by = ("indexed by user_by_%s where connection = ? and %s = ? limit ?"):format(column, column)
      take(list_of(db, USER, SELECT_USER .. by, number, question, FOUND + 1))
    end
    take(list_of(db, USER, SELECT_USER .. "where connection = ? and id >= ? and id < ? order by id limit ?", number,
      question, after(question), FOUND + 1))
  end
  -- Names have no index: they are looked through a stretch of users at a time.
  take(list_of(db, USER, BY_NAME, number, from or "", question, NAMES_LOOKED_AT, FOUND + 1))
  local looked_at, last = db:row(LAST_OF_STRETCH, number, from or "", NAMES_LOOKED_AT)
  answer.more = cut(list, FOUND)
  answer.next = not answer.more and looked_at == NAMES_LOOKED_AT and last or nil
  return answer
end

--- Finds users: by the whole id, ext_id, phone or email, by how the id begins, by a part of the name.
-- @tparam integer number the connection's
-- @tparam string question
-- @tparam[opt] string from the id after which names are looked at
-- @treturn table|nil `users`; `more`: there are more than these; `next`: the user after which the names have
--   not been looked at yet
function Data:find(number, question, from)
  return ask(self, users, number, question, from)
end

local HELD_TAGS = [[
  select t.number, t.name, t.id, f.name, h.ours, h.found, coalesce(h.timestamp / 1000, h.since),
    case h.ours when 1 then DUE end, h.doubt
  from holding h join tag t on t.number = h.tag left join tag f on f.number = t.folder
  where h.connection = ? and h.user = ? and h.present = 1 order by t.name, t.number limit ?]]
HELD_TAGS = HELD_TAGS:gsub("DUE", schema.due)

local OPERATION =
  "run seq kind action tag rule file line input input_line fields outcome code message time state"
local OPERATIONS = [[
  select o.run, o.seq, n.kind, o.action, t.name, r.name, n.rules, r.line, n.input, o.input_line, f.fields, o.outcome,
    o.code, o.message, o.at, n.state
  from operation o
    join run n on n.number = o.run
    join tag t on t.number = o.tag
    left join rule r on r.number = o.rule
    left join record f on f.run = o.run and f.line = o.input_line and f.rule = o.rule
  where o.user = ?1 and n.connection = ?2 and n.state not in ('planning', 'ready') ]]
local BEFORE = OPERATIONS .. "and (?3 is null or (o.run, o.seq) < (?3, ?4)) order by o.run desc, o.seq desc limit ?5"
local PUT_ON = OPERATIONS .. "and o.tag = ?3 and o.action = 'tag' order by o.run desc, o.seq desc limit ?4"
local PUT_ON_LOOKED_AT = 20 -- tries to put a tag on that are looked through for the one that did
local JOURNALLED = "select outcome, code, message, at from journal where run = ?1 and ?2 between first and last "
  .. "order by id desc limit 1"

-- Operations with their outcomes, those that are still in the journal included; without those that wait.
local function outcomes(db, list)
  local known = json.array({})
  for _, operation in ipairs(list) do
    if not OVER[operation.state] then
      local outcome, code, message, at = db:row(JOURNALLED, operation.run, operation.seq)
      if outcome == "returned" then
        operation.outcome = nil
      elseif outcome then
        operation.outcome, operation.code, operation.message, operation.time = outcome, code, message, at
      end
    end
    if operation.outcome then
      operation.state = nil
      operation.fields = operation.fields and json.decode(operation.fields)
      known[#known + 1] = operation
    end
  end
  return known
end

-- The operation that put a tag on a user last.
local function put_on(db, number, id, tag)
  for _, operation in ipairs(outcomes(db, list_of(db, OPERATION, PUT_ON, id, number, tag, PUT_ON_LOOKED_AT))) do
    if operation.outcome == "done" or operation.outcome == "unattributed" then
      return operation
    end
  end
end

local function user(_, db, number, id, before)
  connection_of(db, number)
  local found = list_of(db, USER, SELECT_USER .. "where connection = ? and id = ?", number, id)[1]
    or list_of(db, "id", TOUCHED, number, id)[1]
  if not found then
    store.fail("ENOTFOUND", "the ledger knows no user '%s' of this connection", store.cap(id, 100))
  end
  found.blocked = found.blocked == 1
  local history = list_of(db, OPERATION, BEFORE, id, number, before and before.run, before and before.seq, HISTORY + 1)
  local more = cut(history, HISTORY)
  local last = history[#history]
  local answer = { user = found, next = more and { run = last.run, seq = last.seq } or nil }
  answer.history = outcomes(db, history)
  if before then
    return answer
  end
  local held = list_of(db, "number name id folder ours found since ends doubt", HELD_TAGS, number, id, HELD + 1)
  answer.more_tags = cut(held, HELD)
  for _, tag in ipairs(held) do
    tag.owner = tag.ours == 1 and "tagua" or tag.found == 1 and "found" or "console"
    tag.doubt = tag.doubt ~= 0
    if tag.owner == "tagua" then
      tag.why = put_on(db, number, id, tag.number)
    end
    tag.number, tag.ours, tag.found = nil, nil, nil
  end
  answer.tags = held
  return answer
end

--- One user: the tags, who put each there and why, and what was done.
-- @tparam integer number the connection's
-- @tparam string id
-- @tparam[opt] table before `{ run, seq }`: what was done before that, and nothing else
-- @treturn table|nil `user`, `tags`, `history`, `next`
function Data:user(number, id, before)
  return ask(self, user, number, id, before)
end

return M
