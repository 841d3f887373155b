--- How many users have each tag of a connection, and had on each of the last 30 days: counted in slices,
-- kept in memory, so that no question holds its process up for long. Reads the ledger, changes nothing.
--
-- The sizes are the mirror's. The days are reckoned backwards from them: what Tagua put on and took off
-- is in the operations, with its moment; a tag that somebody put on in the console counts on the day of
-- the platform's timestamp. What somebody took off in the console has no moment, and counts on no day.
-- @module tagua.serve.page_sizes
local M = {}

M.DAYS = 30

local QUARTER = 900 -- seconds: every zone's days begin at one of these
local SLICE = 20000 -- user tags, or operations, that are looked at at once
local RUNS = 1000 -- likewise
local LEAST_AGE, AGE_SHARE = 10, 50 -- seconds; a count is good for so many times what it took
local OPEN_AGE = 10 -- seconds that the sums of a run that is being sent are good for

local Sizes = {}
Sizes.__index = Sizes

--- Sizes of a connection; nothing is counted yet.
-- @tparam table db the store; what is called below, is called inside a transaction that only reads
-- @tparam integer connection its number in the ledger
-- @param zone whose calendar days are meant
-- @tparam function clock gives nanoseconds, for the time that counting takes
-- @tparam[opt=20000] integer slice user tags, or operations, that are looked at at once
function M.new(db, connection, zone, clock, slice)
  return setmetatable({
    db = db,
    connection = connection,
    zone = zone,
    clock = clock,
    slice = slice or SLICE,
    counted = nil, -- the last whole count: `at`, `took_ns`, `sizes`, `days`
    counting = nil, -- the one that is under way
    base = {}, -- [tag][day's start] = net change by runs that are over
    runs_to = nil, -- all runs up to this number are in `base` or in `open`
    open = {}, -- [run] = { key, at, changes }
  }, Sizes)
end

local function add(changes, tag, day, net, put_on, taken_off)
  local of_tag = changes[tag] or {}
  changes[tag] = of_tag
  local sum = of_tag[day] or { net = 0, on = 0, off = 0 }
  of_tag[day] = sum
  sum.net, sum.on, sum.off = sum.net + net, sum.on + put_on, sum.off + taken_off
end

-- ---- the mirror -----------------------------------------------------------------------------

local END_OF_SLICE = "select user, tag from holding where connection = ?1 and (user, tag) > (?2, ?3) "
  .. "order by user, tag limit 1 offset ?4"
local COUNT = [[
  select tag, case when ours = 0 and found = 0 and timestamp >= ?2 then timestamp / 900000 end, count(*), sum(ours)
  from holding where connection = ?1 and (user, tag) > (?3, ?4) %s and present = 1 group by 1, 2]]
local COUNT_TO, COUNT_REST = COUNT:format("and (user, tag) <= (?5, ?6)"), COUNT:format("")

-- The next slice of the mirror -> whether it was the last.
local function count_holdings(self, since)
  local counting = self.counting
  local user, tag = self.db:row(END_OF_SLICE, self.connection, counting.user, counting.tag, self.slice - 1)
  for number, quarter, users, ours in
    self.db:rows(user and COUNT_TO or COUNT_REST, self.connection, since * 1000, counting.user, counting.tag,
      table.unpack({ user, tag }))
  do
    local size = counting.sizes[number] or { users = 0, ours = 0 }
    counting.sizes[number] = size
    size.users, size.ours = size.users + users, size.ours + ours
    if quarter then
      add(counting.days, number, self.zone:day_start(quarter * QUARTER), users, users, 0)
    end
  end
  counting.user, counting.tag = user, tag
  return user == nil
end

-- ---- the runs -------------------------------------------------------------------------------

-- A tag that was there already is none that came on.
local CHANGES = [[
  select o.tag, o.at / 900,
    sum(case when o.action = 'tag' and coalesce(o.before, 0) = 0 then 1 else 0 end),
    sum(case when o.action = 'untag' and coalesce(o.before, 1) <> 0 then 1 else 0 end)
  from run r cross join operation o on o.run = r.number
  where r.number between ?1 and ?2 and r.connection = ?3 and %s
    and o.outcome in ('done', 'unattributed') and o.at >= ?4 group by 1, 2]]
local OVER = CHANGES:format("r.state in ('done', 'abandoned')")
local OPEN = CHANGES:format("r.state not in ('done', 'abandoned')")
local FIRST = [[
  select coalesce((select min(number) from run where connection = ? and (finished is null or finished >= ?)),
    (select max(number) + 1 from run), 1)]]
local NEXT = "select number, state, planned from run where connection = ? and number > ? order by number limit ?"

local function add_changes(self, changes, text, first, last, since)
  for tag, quarter, put_on, taken_off in self.db:rows(text, first, last, self.connection, since) do
    add(changes, tag, self.zone:day_start(quarter * QUARTER), put_on - taken_off, put_on, taken_off)
  end
end

-- The next runs -> whether all are looked at.
local function count_runs(self, since)
  if not self.runs_to then
    self.runs_to = self.db:row(FIRST, self.connection, since) - 1
  end
  local first, last, planned, seen = self.runs_to + 1, nil, 0, 0
  for number, state, operations in self.db:rows(NEXT, self.connection, self.runs_to, RUNS) do
    if state ~= "done" and state ~= "abandoned" then
      self.open[number] = { changes = {} }
    else
      planned = planned + operations
    end
    last, seen = number, seen + 1
    if planned >= self.slice then
      break
    end
  end
  if not last then
    return true
  end
  add_changes(self, self.base, OVER, first, last, since)
  self.runs_to = last
  return seen < RUNS and planned < self.slice
end

-- Runs that were not over: looked at again where they may have gone on.
local function count_open(self, since, now)
  for number, sums in pairs(self.open) do
    local state, finished = self.db:row("select state, finished from run where number = ?", number)
    local key = ("%s %s"):format(state, finished)
    if not state then
      self.open[number] = nil
    elseif state == "done" or state == "abandoned" then
      add_changes(self, self.base, OVER, number, number, since)
      self.open[number] = nil
    elseif state == "sending" and now - (sums.at or 0) >= OPEN_AGE
      or (state == "interrupted" or state == "stopped") and sums.key ~= key
    then
      sums.key, sums.at, sums.changes = key, now, {}
      add_changes(self, sums.changes, OPEN, number, number, since)
    end
  end
end

-- Forgets days that are no longer shown.
local function forget(changes, since)
  for _, of_tag in pairs(changes) do
    for day in pairs(of_tag) do
      if day < since then
        of_tag[day] = nil
      end
    end
  end
end

-- The first moments of the last 30 days, the oldest first.
local function days_of(self, now)
  local days = { [M.DAYS] = self.zone:day_start(now) }
  for i = M.DAYS - 1, 1, -1 do
    days[i] = self.zone:day_start(days[i + 1] - 1)
  end
  return days
end

--- Counts on, for about so long.
-- @tparam integer now seconds since the epoch
-- @tparam integer budget_ns
-- @treturn boolean whether a count is there that is not old, all runs included
function Sizes:work(now, budget_ns)
  local counted = self.counted
  local began_ns, days = self.clock(), days_of(self, now)
  local since = days[1]
  forget(self.base, since)
  local fresh = counted
    and now - counted.at < math.max(LEAST_AGE, AGE_SHARE * counted.took_ns // 1000000000)
    and counted.since == since
  while not fresh do
    self.counting = self.counting and self.counting.since == since and self.counting
      or { user = "", tag = 0, sizes = {}, days = {}, took_ns = 0, since = since }
    local slice_ns = self.clock()
    fresh = count_holdings(self, since)
    self.counting.took_ns = self.counting.took_ns + self.clock() - slice_ns
    if fresh then
      self.counting.at, self.counted, self.counting = now, self.counting, nil
    elseif self.clock() - began_ns >= budget_ns then
      return false
    end
  end
  local whole
  repeat
    whole = count_runs(self, since)
  until whole or self.clock() - began_ns >= budget_ns
  count_open(self, since, now)
  return whole
end

-- The line of a tag: its size at the end of each day.
local function line_of(self, days, number, size)
  local line, put_on, taken_off = {}, 0, 0
  local sources = { self.base[number], self.counted.days[number] }
  for _, sums in pairs(self.open) do
    sources[#sources + 1] = sums.changes[number]
  end
  for i = #days, 1, -1 do
    line[i] = math.max(0, size)
    for _, of_tag in pairs(sources) do
      local sum = of_tag[days[i]]
      if sum then
        size, put_on, taken_off = size - sum.net, put_on + sum.on, taken_off + sum.off
      end
    end
  end
  return line, put_on, taken_off
end

local TAGS = [[
  select t.number, t.id, t.name, f.name from tag t left join tag f on f.number = t.folder
  where t.connection = ? and t.kind = 'tag' and t.state = 'known']]

--- The tags as they were counted last, the largest first.
-- @tparam integer now seconds since the epoch
-- @tparam integer first the place of the first to give, from 1
-- @tparam integer most how many
-- @treturn table|nil `{ at, days = { moments }, tags = { { name, id, folder, users, ours, line, on, off } },
--   count }`; nil as long as nothing was counted
function Sizes:tags(now, first, most)
  if not self.counted then
    return nil
  end
  local days, list = days_of(self, now), {}
  for number, id, name, folder in self.db:rows(TAGS, self.connection) do
    local size = self.counted.sizes[number] or { users = 0, ours = 0 }
    list[#list + 1] = { number = number, id = id, name = name, folder = folder, users = size.users, ours = size.ours }
  end
  table.sort(list, function(a, b)
    if a.users ~= b.users then
      return a.users > b.users
    end
    return a.name == b.name and a.number < b.number or a.name < b.name
  end)
  local shown = {}
  for i = first, math.min(#list, first + most - 1) do
    local tag = list[i]
    tag.line, tag.on, tag.off = line_of(self, days, tag.number, tag.users)
    tag.number = nil
    shown[#shown + 1] = tag
  end
  return { at = self.counted.at, days = days, tags = shown, count = #list }
end

return M
