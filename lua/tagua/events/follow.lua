--- Follows the events of one connection: folds them from the inbox into the ledger, each exactly once, and tells
-- whose fields moved, by an event or because one left a window, and what the rules may read of them.
--
-- The cursor moves in the transaction that folds. Time does not go back: where the clock does, the last moment
-- that was seen goes on to count.
--
-- Everything that can fail at run time returns `nil, message, code`, as the ledger and the inbox do.
-- @module tagua.events.follow
local changed = require("tagua.events.changed")
local lines = require("tagua.events.lines")
local store = require("tagua.ledger.store")
local tallies = require("tagua.events.tallies")
local told = require("tagua.events.told")

local M = {}

local Follow = {}
Follow.__index = Follow

local ALL = "*"

--- What the numbers of a connection's events are numbers in: another file, or another name of the connection, counts
-- from the beginning.
-- @tparam table box the inbox
-- @tparam string name of the connection
-- @treturn string
function M.numbers_of(box, name)
  return box.id .. " " .. name
end

--- Opens the ledger's side of the events of a connection, and brings it up to the rules. What the rules ask for
-- anew is folded from the events that are still there, by the next calls of `fold`.
-- @tparam table book the ledger's side of the connection
-- @tparam table box the inbox, open to write
-- @tparam table ruleset its `fields` count
-- @treturn table|nil
-- @treturn string message
-- @treturn string code
function M.open(book, box, ruleset)
  local db = book.ledger.store
  local self = setmetatable({
    db = db,
    box = box,
    name = book.name,
    connection = book.number,
    write = lines.writer(ruleset.fields),
    turns = {},
  }, Follow)
  local ok, message, code = db:transact(function()
    local last = store.must(box:last())[self.name] or {}
    local inbox = M.numbers_of(box, self.name)
    db:run("insert or ignore into followed (connection, inbox) values (?, ?)", self.connection, inbox)
    local id, event, clock = db:row("select inbox, event, clock from followed where connection = ?", self.connection)
    self.other_inbox = id ~= inbox
    if self.other_inbox then -- its numbers count from the beginning
      event = 0
      db:run("update followed set inbox = ?, event = 0 where connection = ?", inbox, self.connection)
      db:run("update told set event = 0 where connection = ?", self.connection)
    end
    self.event, self.clock = event, clock
    self.told = told.register(db, self.connection, ruleset.fields, last.forgotten, clock)
    if self.other_inbox then
      self:drop_windows()
    end
    return true
  end)
  if not ok then
    return nil, message, code
  end
  return self
end

-- Forgets what can't be moved on in time any more, since the events in its windows were in another file.
function Follow:drop_windows()
  local moved = {}
  for _, one in ipairs(self.told.list) do
    local kind = one.aggregate and one.aggregate.within and one.aggregate.kind
    if kind == "count" or kind == "sum" or kind == "first" then
      local text = "select user from tally where connection = ? and told = ?"
      for user in self.db:rows(text, self.connection, one.number) do
        moved[user] = ALL
      end
      self.db:run("delete from tally where connection = ? and told = ?", self.connection, one.number)
      self.db:run("update told set since = ? where number = ?", self.clock, one.number)
      one.since = self.clock
    end
  end
  changed.note(self.db, self.connection, moved, self.event, self.clock)
end

-- The moment that counts.
function Follow:moment(now)
  return math.max(self.clock, now)
end

-- What the inbox holds of a user, for tallies.
function Follow:look()
  return function(user, upto)
    return {
      types = function()
        return self.box:types(self.name, user)
      end,
      span = function(kind, at, number)
        return self.box:span(self.name, user, kind, at, number, upto)
      end,
    }
  end
end

-- Remembers the moment and the cursor.
function Follow:mark(event, clock)
  self.db:run("update followed set event = ?, clock = ? where connection = ?", event, clock, self.connection)
end

-- Runs a function in a transaction; what it says of cursor and clock counts only when that is committed.
function Follow:transact(f)
  local event, clock, turns = self.event, self.clock, self.turns
  local result, message, code = self.db:transact(f)
  if result == nil then
    self.event, self.clock, self.turns = event, clock, turns
  end
  return result, message, code
end

local function users_of(events)
  local users, first = {}, {}
  for _, given in ipairs(events) do
    if not first[given.user] then
      first[given.user] = given.number
      users[#users + 1] = given.user
    end
  end
  return users, first
end

-- Notes users who were never seen -> a set of them.
function Follow:welcome(users)
  local new = {}
  for _, user in ipairs(users) do
    local added = self.db:run(
      "insert or ignore into follower (connection, user) values (?, ?)",
      self.connection,
      user
    )
    new[user] = added == 1 or nil
  end
  return new
end

local function as_text(moved, new)
  local texts = {}
  for user, numbers in pairs(moved) do
    texts[user] = table.concat(numbers, ",")
  end
  for user in pairs(new) do
    texts[user] = ALL
  end
  return texts
end

-- Folds events that were folded before into what the rules ask for anew.
function Follow:catch_up(limit, now)
  local behind, only, event = told.behind(self.told, self.event), {}, math.maxinteger
  for _, one in ipairs(behind) do
    event = math.min(event, one.event)
  end
  for _, one in ipairs(behind) do
    only[one] = one.event == event or nil
  end
  local events = store.must(self.box:events(self.name, event, limit))
  while events[1] and events[#events].number > self.event do
    events[#events] = nil
  end
  local taken = tallies.load(self.db, self.connection, self.told, (users_of(events)))
  taken:settle(self:look(), now)
  for _, given in ipairs(events) do
    taken:add(given, now, only)
  end
  local moved = taken:write()
  for user, numbers in pairs(moved) do -- who has new fields alone is decided because the rules are new
    for i = #numbers, 1, -1 do
      if only[self.told.by_number[numbers[i]]] then
        table.remove(numbers, i)
      end
    end
    moved[user] = #numbers > 0 and numbers or nil
  end
  changed.note(self.db, self.connection, as_text(moved, {}), self.event, now)
  local upto = events[1] and #events == limit and events[#events].number or self.event
  for one in pairs(only) do
    one.event = upto
    self.db:run("update told set event = ? where number = ?", upto, one.number)
  end
  self.clock = now
  self:mark(self.event, now)
  return #events
end

-- Folds new events.
function Follow:advance(limit, now)
  local events = store.must(self.box:events(self.name, self.event, limit))
  if #events == 0 then
    return 0
  end
  for _, given in ipairs(events) do
    now = math.max(now, given.at)
  end
  local users, first = users_of(events)
  local new = self:welcome(users)
  local taken = tallies.load(self.db, self.connection, self.told, users)
  taken:settle(self:look(), now)
  for _, given in ipairs(events) do
    taken:add(given, now)
  end
  changed.note(self.db, self.connection, as_text(taken:write(), new), first, now)
  local last = events[#events].number
  for _, one in ipairs(self.told.list) do
    one.event = last
  end
  self.db:run("update told set event = ? where connection = ?", last, self.connection)
  self.event, self.clock = last, now
  self:mark(last, now)
  return #events
end

--- Folds events from the inbox.
-- @tparam integer limit how many at most
-- @tparam integer now milliseconds
-- @treturn integer|nil how many it was: as many as `limit` where there may be more, 0 where there was none
-- @treturn string message
-- @treturn string code
function Follow:fold(limit, now)
  local before = {}
  for i, one in ipairs(self.told.list) do
    before[i] = one.event
  end
  local count, message, code = self:transact(function()
    if self:building() then
      return math.max(self:catch_up(limit, self:moment(now)), 1)
    end
    return self:advance(limit, self:moment(now))
  end)
  if not count then
    for i, one in ipairs(self.told.list) do
      one.event = before[i]
    end
  end
  return count, message, code
end

--- Whether what the rules ask for anew is still being folded: `fold` does it, and nothing is decided before.
-- @treturn boolean
function Follow:building()
  return #told.behind(self.told, self.event) > 0
end

--- Moves on in time: users of whom an event left a window are changed.
-- @tparam integer now milliseconds
-- @tparam integer limit how many users at most
-- @treturn integer|nil how many it was
-- @treturn string message
-- @treturn string code
function Follow:due(now, limit)
  if self:building() then
    return 0
  end
  now = self:moment(now)
  local first = self:next_due()
  if not first or first > now then
    return 0
  end
  return self:transact(function()
    local users = {}
    for user in
      self.db:rows(
        "select distinct user from (select user from tally where connection = ? and due <= ? order by due limit ?)",
        self.connection,
        now,
        limit
      )
    do
      users[#users + 1] = user
    end
    self:settle(users, now)
    return #users
  end)
end

-- Brings users up to a moment, inside a transaction -> their tallies.
function Follow:settle(users, now)
  local taken = tallies.load(self.db, self.connection, self.told, users)
  taken:settle(self:look(), now)
  local moved = as_text(taken:write(), {})
  if next(moved) then
    changed.note(self.db, self.connection, moved, self.event, now)
  end
  if now > self.clock then
    self.clock = now
    self:mark(self.event, now)
  end
  return taken
end

--- When the next event leaves a window.
-- @treturn integer|nil milliseconds; nil where none will
-- @treturn string message, where it could not be read
-- @treturn string code
function Follow:next_due()
  return store.try(function()
    local _, due = self.db:row(
      "select 1, min(due) from tally where connection = ? and due is not null",
      self.connection
    )
    return due
  end)
end

--- Users of whom something moved and who are in no unfinished run, the oldest event first.
-- @tparam integer limit
-- @treturn {string,...}|nil
-- @treturn {[string]=table} for each `moved`: the names of the fields that moved, nil where it may be any;
--   `since`: when it was noticed, in milliseconds; `event`: the number of the event
-- @treturn string code
function Follow:changed(limit)
  if self:building() then
    return {}, {}
  end
  local rows, message, code = store.try(changed.waiting, self.db, self.connection, limit)
  if not rows then
    return nil, message, code
  end
  local users, about = {}, {}
  for i, row in ipairs(rows) do
    users[i] = row.user
    self.turns[row.user] = row.turn
    about[row.user] = { moved = self:names(row.moved), since = row.since, event = row.event }
  end
  return users, about
end

-- The names of fields by the numbers of what moved; nil for all of them.
function Follow:names(moved)
  if moved == ALL then
    return nil
  end
  local names = {}
  for number in moved:gmatch("%d+") do
    local one = self.told.by_number[math.tointeger(number)]
    for _, name in ipairs(one and one.names or {}) do
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

--- What the rules may read of users, as records: lines of JSON with the key `id`.
-- @tparam {string,...} users
-- @tparam integer now milliseconds
-- @tparam[opt] function fill (user, told) puts in what is known from elsewhere: told[field] = { text = JSON }
-- @treturn function|nil an iterator over lines, each with its newline
-- @treturn string message
-- @treturn string code
function Follow:records(users, now, fill)
  now = self:moment(now)
  local taken, message, code = self:transact(function()
    return self:settle(users, now)
  end)
  if not taken then
    return nil, message, code
  end
  local text = "select turn from changed where connection = ? and user = ?"
  for _, user in ipairs(users) do -- who did not come from `changed` is decided as of now
    self.turns[user] = self.turns[user] or store.try(self.db.row, self.db, text, self.connection, user)
  end
  local i = 0
  return function()
    i = i + 1
    local user = users[i]
    local known = user and taken:read(user)
    if fill and user then
      fill(user, known)
    end
    return user and self.write(user, known) or nil
  end
end

--- Users were decided. In the transaction that puts the run into the queue, or just before it.
-- What moved since `changed` named them is not lost: it waits until the run is over.
-- @tparam {string,...} users
-- @tparam ?integer run the run that carries it out; nil for those of whom there is nothing to do
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function Follow:planned(users, run)
  return self.db:transact(function()
    for _, user in ipairs(users) do
      changed.decided(self.db, self.connection, user, run, self.turns[user] or 0)
      self.turns[user] = nil
    end
    return true
  end)
end

--- A run is over.
-- @tparam integer run
-- @tparam boolean finished false: nothing says that its operations were carried out, so its users are decided again
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function Follow:over(run, finished)
  return self.db:transact(function()
    changed.over(self.db, self.connection, run, finished)
    return true
  end)
end

--- How many users wait or are in a run that is not over.
-- @treturn integer|nil
-- @treturn ?integer since when the first of them does, in milliseconds
function Follow:queue()
  return store.try(changed.queue, self.db, self.connection)
end

--- Users whom the platform shows are known as if an event of theirs had come. Inside a transaction.
-- @tparam {string,...} users
-- @tparam ?integer now milliseconds; given, they are changed
function Follow:show(users, now)
  self:welcome(users)
  local moved = {}
  for _, user in ipairs(now and users or {}) do
    moved[user] = ALL
  end
  changed.note(self.db, self.connection, moved, self.event, now or 0)
end

--- All users of whom an event came, in pieces, in the order of their ids; for rules that read the clock.
-- @tparam ?string after the last user of the piece before; nil begins
-- @tparam integer limit
-- @treturn {string,...}|nil empty at the end
-- @treturn string message
-- @treturn string code
function Follow:sweep(after, limit)
  return store.try(function()
    local users = {}
    for user in
      self.db:rows(
        "select user from follower where connection = ? and user > ? order by user limit ?",
        self.connection,
        after or "",
        limit
      )
    do
      users[#users + 1] = user
    end
    return users
  end)
end

--- Forgets the events that no window needs any more. What is folded of them stays.
-- @tparam integer now milliseconds
-- @tparam integer limit how many at most: the transaction must stay short
-- @treturn integer|nil how many it was
-- @treturn string message
-- @treturn string code
function Follow:forget(now, limit)
  now = self:moment(now)
  local first, message, code = self:next_due()
  if message then
    return nil, message, code
  elseif self:building() or (first and first <= now) then
    return 0 -- what leaves a window has to be taken away first
  end
  local longest = told.longest(self.told)
  return self.box:forget(self.name, longest > 0 and now - longest or now + 1, limit, self.event)
end

--- The fields that can't know all that they ask for, because events were gone before the rules asked.
-- @tparam integer now milliseconds
-- @treturn {table,...} { field, since (milliseconds), whole (milliseconds: from when on it is; nil: never) }
function Follow:incomplete(now)
  local found = {}
  for _, one in ipairs(self.told.list) do
    local within = one.aggregate and one.aggregate.within
    local whole = within and one.since and one.since + within * 1000
    if one.since and not (whole and whole <= self:moment(now)) then
      for _, name in ipairs(one.names) do
        found[#found + 1] = { field = name, since = one.since, whole = whole }
      end
    end
  end
  return found
end

--- Up to which event each connection of a ledger is worked off: folded, decided, and its operations over.
-- @tparam string path of the ledger
-- @treturn {[string]=integer}|nil by the connection's name; empty where there is no ledger yet
-- @treturn string message; where nothing is wrong, up to which body of its own hooks each was looked at, or nil
-- @treturn string code
function M.settled(path)
  local core = require("tagua.core")
  if not core.system.file_kind(path) then
    return {}
  end
  local db, message, code = store.open(path, { readonly = true, create = false, busy = 5 })
  if not db then
    return nil, message, code
  end
  local found
  found, message, code = store.try(function()
    local numbers = {}
    for name, event, oldest in
      db:rows(
        "select c.name, f.event, (select min(event) from changed where connection = c.number) "
          .. "from followed f join connection c on c.number = f.connection"
      )
    do
      numbers[name] = oldest and math.min(event, oldest - 1) or event
    end
    local heard
    if db:row("select 1 from sqlite_master where name = 'keeper'") then
      heard = {}
      for name, raws in db:rows("select c.name, k.raws from keeper k join connection c on c.number = k.connection") do
        heard[name] = raws
      end
    end
    return numbers, heard
  end)
  db:close()
  return found, message, code
end

return M
