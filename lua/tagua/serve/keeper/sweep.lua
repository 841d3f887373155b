--- All known users decided again: after the rules have changed, and when time alone may change decisions. Planned in
-- pieces between which live events go first, looked at by the guards as a whole, sent as a long run. What the events
-- of a user have decided since the sweep looked at the user goes before what the sweep decided.
local core = require("tagua.core")
local cost = require("tagua.cost")
local deciding = require("tagua.serve.keeper.deciding")
local guards = require("tagua.guards")
local plan = require("tagua.plan")
local pools = require("tagua.rules.pool")
local store = require("tagua.ledger.store")

local M = {}

local LOOK_NS = 1000 * 1000000 -- how often it is asked whether it is time
local PIECE = 256 -- users whose records are made at a time
local OVERTAKEN_MOST = 100000 -- users who are decided by events while a sweep is planned; then it begins anew

local Sweep = {}
Sweep.__index = Sweep

--- @tparam table k the keeper
function M.new(k)
  return setmetatable({ k = k, look_ns = 0, overtook = {}, overtook_count = 0 }, Sweep)
end

-- Whether a tag of the rules starts or ends between two moments.
local function turned(ruleset, since, now)
  for _, tag in ipairs(ruleset.tags) do
    for _, moment in ipairs({ tag.starts or false, tag.ends or false }) do
      if moment and moment > since and moment <= now then
        return true
      end
    end
  end
  return false
end

--- Why all users have to be decided again.
-- @treturn string|nil one word
function Sweep:due()
  local k = self.k
  local ruleset, now = k.pool.ruleset, k.now() // 1000
  local swept = k.state:get("swept")
  if not swept or k.state:get("swept_rules") ~= ruleset.hash then
    return "rules"
  elseif k.clock_every == "hour" and now // 3600 > swept // 3600 then
    return "hour"
  elseif k.clock_every and k.zone:day_start(now) > swept then
    return "day"
  end
  return turned(ruleset, swept, now) and "times" or nil
end

-- The lines of everybody's records; leaves off after each piece.
local function lines_of(k)
  local cursor, lines, over = nil, nil, false
  return function()
    while true do
      local line = lines and lines()
      if line then
        return line
      elseif over then
        return nil
      end
      coroutine.yield()
      local users = store.must(k.follow:sweep(cursor, PIECE))
      cursor = users[#users]
      over = cursor == nil
      lines = cursor and store.must(k:records(users)) or nil
    end
  end
end

-- How many hold each tag, what the plan costs, and what guards say of it.
local function refusals(k, made)
  local sizes = store.must(k.book:tag_sizes())
  local undone = store.must(k.book:undone(k.rules))
  made.per_second = k.settings.rate.per_second
  cost.add(made, k.settings.message_cost)
  for _, tag in ipairs(made.tags) do
    local size = sizes[tag.id or ""]
    tag.holders = size and size.users or 0
    tag.undone = undone[tag.id or ""] or 0
  end
  local last = k.book:reading(k.reading)
  return guards.standing(guards.check(made, guards.limits(k.pool.ruleset.guards, k.settings.guards), last))
end

local UNDER_WAY = [[
  select distinct o.user from operation o join changed c on c.connection = ?2 and c.user = o.user
  where o.run = ?1 and c.run is not null]]

-- Takes what was decided by events out of the run: since then, or what is under way just now; that is looked at
-- again when it is over. Inside of a transaction.
function Sweep:give_way(run)
  local k = self.k
  local db = k.book.ledger.store
  store.must(run:write())
  local under_way, gone = {}, 0
  for user in db:rows(UNDER_WAY, run.number, k.book.number) do
    under_way[#under_way + 1] = user
    self.overtook[user] = true
  end
  k.follow:show(under_way, k.now())
  for user in pairs(self.overtook) do
    gone = gone + db:run("delete from operation where run = ? and user = ?", run.number, user)
  end
  run.planned = run.planned - gone
  store.must(run:ready())
  for user in pairs(self.overtook) do
    for _, name in ipairs({ "note", "timing" }) do
      db:run(("delete from %s where run = ? and user = ?"):format(name), run.number, user)
    end
  end
  return run.planned
end

-- Puts the planned run into the queue.
function Sweep:agree(run, made, at)
  local k = self.k
  local operations
  store.must(k.book.ledger.store:transact(function()
    operations = self:give_way(run)
    store.must(k.book:note_reading(k.reading, made.records.read))
    if operations > 0 then
      store.must(run:keep_prices(k.settings.message_cost))
      store.must(run:enqueue(made.creations))
      store.must(run:keep_times())
      k.state:own(run.number, "sweep")
    else
      store.must(run:accept())
      store.must(run:keep_times())
      store.must(run:discard())
    end
    self:done(at)
    return true
  end))
  if operations > 0 then
    k.runs:begun("sweep")
  end
  return operations
end

-- The look at everybody is over.
function Sweep:done(at)
  self.k.state:set("swept", at)
  self.k.state:set("swept_rules", self.k.pool.ruleset.hash)
end

-- A guard refuses: nothing changes, and somebody is told how to go on.
function Sweep:refuse(run, standing, why, at)
  local k = self.k
  store.must(run:discard())
  store.must(k.book.ledger.store:transact(function()
    self:done(at)
    return true
  end))
  k.counts.sweeps_refused = k.counts.sweeps_refused + 1
  local told, options = {}, {}
  for i, refusal in ipairs(standing) do
    told[i] = ("%s: %s"):format(refusal.guard, refusal.message)
    options[i] = "--force " .. refusal.guard
  end
  local text = table.concat(told, "; ")
  if text ~= self.refused then
    k.log:error("sweep_refused", ("a guard refused to decide everybody again, and nothing was changed: %s; if that is "
      .. "what you want: tagua apply %s --users @%s --to %s %s"):format(text, k.rules, k.name, k.name,
      table.concat(options, " ")),
      { why = why })
  end
  self.refused = text
end

-- The whole of it, as a coroutine that leaves off again and again.
function Sweep:plan(why)
  local k = self.k
  local at = k.now() // 1000
  local pool = pools.start({ jobs = k.jobs, seconds = k.seconds, executable = k.pool.command[1], meanwhile = function()
    coroutine.yield()
    return true
  end })
  self.pool = pool
  local file = k.pool.file
  store.must(pool:load({ name = file.name, source = file.source, includes = file.includes, path = file.path }))
  local lines = lines_of(k)
  local first = lines() -- an input wants a record
  if not first then
    self:done(at)
    return
  end
  local run = store.must(k.book:plan({ kind = "apply", rules = k.rules, rules_hash = pool.ruleset.hash,
    input = "events", at = at }))
  self.run = run
  local job = deciding.job(k, pool, at)
  job.run = run
  job.input = store.must(deciding.open_input(pool, function()
    local line = first or lines()
    first = nil
    return line
  end, at))
  local made = store.must(plan.make(job))
  job.input:close()
  local standing = refusals(k, made)
  if #standing > 0 then
    self:refuse(run, standing, why, at)
    return
  end
  self.refused = nil
  local operations = self:agree(run, made, at)
  k.counts.sweeps = k.counts.sweeps + 1
  k.log:info("swept", ("decided %d users again (%s): %d operations"):format(made.records.read, why, operations),
    { why = why, users = made.records.read, operations = operations })
end

-- Ends the planning, done or not.
function Sweep:stop()
  if self.pool then
    self.pool:close()
  end
  if self.run and self.run.state == "planning" then
    self.run:discard()
  end
  self.task, self.pool, self.run, self.overtook, self.overtook_count = nil, nil, nil, {}, 0
end

--- The rules are others now: what the old ones are about to do is left undone.
function Sweep:restart()
  self:stop()
  for _, one in ipairs(self.k.state:runs()) do
    if one.purpose == "sweep" and (one.state == "queued" or one.state == "sending") then
      self.k.book.ledger.store:run("update run set state = 'interrupted' where number = ?", one.run)
    end
  end
  self.look_ns = 0
end

local OVERTAKE = [[
  update operation set outcome = 'skipped', message = 'the user was decided again since', at = ?
  where run = ? and user = ? and outcome is null]]

--- These users are decided by their events, now: what a sweep decided about them before is not to be done.
-- Inside of a transaction.
-- @tparam {string,...} users
function Sweep:overtaken(users)
  local k = self.k
  for _, user in ipairs(self.task and users or {}) do
    if not self.overtook[user] then
      self.overtook[user], self.overtook_count = true, self.overtook_count + 1
    end
  end
  if k.runs:number_of("sweep") == 0 then
    return
  end
  for _, one in ipairs(k.state:runs()) do
    for _, user in ipairs(one.purpose == "sweep" and users or {}) do
      k.book.ledger.store:run(OVERTAKE, k.now() // 1000, one.run, user)
    end
  end
end

--- A run of it is over. One that was cut off is done again as a whole: what it did is done.
function Sweep:over(_, finished, failed)
  local k = self.k
  if not finished then
    k.state:set("swept", nil)
    return
  end
  local now = k.now()
  for user, may_pass in pairs(failed) do
    if may_pass then
      k.state:again(user, now, k.state:tries(user))
    end
  end
end

--- Goes on a little, where there is anything to do.
-- @treturn boolean|nil whether there was
-- @treturn string message
-- @treturn string code
function Sweep:round()
  local k = self.k
  if not self.task then
    local clock = core.system.monotonic_ns()
    if clock < self.look_ns or k.runs:number_of("sweep") > 0 then
      return false
    end
    self.look_ns = clock + LOOK_NS
    local why = self:due()
    if not why then
      return false
    end
    self.task = coroutine.create(function()
      return store.try(function()
        self:plan(why)
        return true
      end)
    end)
  elseif self.overtook_count > OVERTAKEN_MOST then
    self:stop()
    return true
  end
  local alive, ok, message, code = coroutine.resume(self.task)
  if not alive then
    error(debug.traceback(self.task, tostring(ok)), 0)
  end
  if coroutine.status(self.task) == "dead" then
    self:stop()
    if not ok then
      return nil, message, code
    end
  end
  return true
end

return M
