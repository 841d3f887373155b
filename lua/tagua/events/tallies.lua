--- What the events of some users come to, in memory while one transaction changes it: read together, moved on
-- in time, added to, written back where it is another. The only one who knows when an event leaves a window.
-- @module tagua.events.tallies
local aggregates = require("tagua.events.aggregates")
local event = require("tagua.events.event")
local json = require("tagua.json")
local store = require("tagua.ledger.store")

local M = {}

local Tallies = {}
Tallies.__index = Tallies

local TALLIES = "select told, count, total, bad, first, latest, due from tally where connection = ? and user = ?"
local KNOWN = "select told, value, at, id from known where connection = ? and user = ?"

local function load_tallies(self, users, rows)
  for i = 1, #rows, 8 do
    local one = self.told.by_number[rows[i + 1]]
    if one then
      self.tallies[users[rows[i]]][one] = {
        count = rows[i + 2],
        total = rows[i + 3],
        bad = rows[i + 4],
        first = rows[i + 5] or nil,
        latest = rows[i + 6] or nil,
        due = rows[i + 7] or nil,
        stored = true,
      }
    end
  end
end

local function load_known(self, users, rows)
  for i = 1, #rows, 5 do
    local one = self.told.by_number[rows[i + 1]]
    if one then
      self.known[users[rows[i]]][one] = { text = rows[i + 2], at = rows[i + 3], id = rows[i + 4] or nil }
    end
  end
end

-- What a rule reads, as a text that differs where the value does.
local function image(one, state)
  local value, bad = aggregates.value(one.aggregate, state)
  return bad and "bad" or tostring(value)
end

--- Reads what is kept of some users.
-- @tparam table db the ledger's store
-- @tparam integer connection
-- @tparam table told as `tagua.events.told` gives it
-- @tparam {string,...} users each once
-- @treturn table
function M.load(db, connection, told, users)
  local self = setmetatable({ db = db, connection = connection, told = told, tallies = {}, known = {}, before = {},
    dirty = {}, users = users }, Tallies)
  for _, user in ipairs(users) do
    self.tallies[user], self.known[user] = {}, {}
  end
  if #users > 0 then
    load_tallies(self, users, store.must(db:prepare(TALLIES):many(users, connection)))
    load_known(self, users, store.must(db:prepare(KNOWN):many(users, connection)))
  end
  return self
end

-- Notes what a rule read before anything moved.
function Tallies:touch(user, one)
  local dirty = self.dirty[user]
  if not dirty then
    dirty = {}
    self.dirty[user] = dirty
  end
  if dirty[one] == nil then
    local known = self.known[user][one]
    dirty[one] = one.aggregate and image(one, self.tallies[user][one]) or known and known.text or false
  end
end

-- When the next event leaves the window of a state.
local function due_of(aggregate, state)
  if not aggregate.within or state.count == 0 then return nil end
  local newest_counts = aggregate.kind == "any" or aggregate.kind == "latest"
  return (newest_counts and state.latest or state.first) + aggregate.within * 1000
end

-- Takes the events of one type away that have left the window -> when the oldest one happened that stays. They
-- are looked up from the oldest that is still counted to the first that stays: each is looked at once in its life.
local function take_away(aggregate, state, edge, look, kind)
  local at, number = state.first, 0
  while true do
    local rows = store.must(look.span(kind, at, number))
    for i = 1, #rows, 3 do
      at, number = rows[i], rows[i + 1]
      local gone = { type = kind, at = at, fields = event.fields(rows[i + 2]) }
      if aggregates.fits(aggregate, gone) then
        if at > edge then return at end
        aggregates.add(aggregate, state, gone, -1)
      end
    end
    if #rows == 0 then return nil end
  end
end

-- The state without what has left the window by now.
local function expire(aggregate, state, now, look)
  local fresh = aggregates.new()
  fresh.stored = state.stored
  if aggregate.kind == "any" or aggregate.kind == "latest" then return fresh end -- the newest has left
  local oldest
  for _, kind in ipairs(aggregate.event == "*" and store.must(look.types()) or { aggregate.event }) do
    local stays = take_away(aggregate, state, now - aggregate.within * 1000, look, kind)
    oldest = stays and math.min(oldest or stays, stays) or oldest
  end
  if not oldest then return fresh end
  state.first = oldest
  return state
end

--- Moves the users' tallies on in time: what left a window by now is in it no more.
-- @tparam function look (user, upto) gives `types()` and `span(type, at, number)`, what the inbox holds of the user's
--   events up to that number
-- @tparam integer now milliseconds
function Tallies:settle(look, now)
  for _, user in ipairs(self.users) do
    for one, state in pairs(self.tallies[user]) do
      if state.due and state.due <= now then
        self:touch(user, one)
        state = expire(one.aggregate, state, now, look(user, one.event))
        state.due = due_of(one.aggregate, state)
        self.tallies[user][one] = state
      end
    end
  end
end

-- Adds an event to one aggregate.
function Tallies:add_to(one, user, given, now)
  local aggregate = one.aggregate
  if not aggregates.counts(aggregate, given.at, now) or not aggregates.fits(aggregate, given) then return end
  self:touch(user, one)
  local state = self.tallies[user][one] or aggregates.new()
  self.tallies[user][one] = state
  aggregates.add(aggregate, state, given)
  state.due = due_of(aggregate, state)
end

-- Takes one plain field from an event.
function Tallies:learn(one, user, given)
  local value = given.fields[one.source]
  if value == nil then return end
  local known = self.known[user][one]
  if known then
    if given.at < known.at then return end
    if not aggregates.newer(given.at, given.id, value, known.at, known.id, json.decode(known.text)) then return end
  end
  self:touch(user, one)
  self.known[user][one] = { text = json.encode(value), at = given.at, id = given.id }
end

--- Adds an event, after `settle`.
-- @tparam table given an event of one of the users
-- @tparam integer now milliseconds, not before it
-- @tparam[opt] {[table]=boolean} only these of what is told
function Tallies:add(given, now, only)
  for _, kind in ipairs({ given.type, "*" }) do
    for _, one in ipairs(self.told.by_type[kind] or {}) do
      if not only or only[one] then self:add_to(one, given.user, given, now) end
    end
    if given.type == "*" then break end
  end
  for _, one in ipairs(self.told.plain) do
    if not only or only[one] then self:learn(one, given.user, given) end
  end
end

local WRITE_TALLY = "insert or replace into tally (connection, user, told, count, total, bad, first, latest, due) "
  .. "values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
local WRITE_KNOWN = "insert or replace into known (connection, user, told, value, at, id) values (?, ?, ?, ?, ?, ?)"
local REMOVE_TALLY = "delete from tally where connection = ? and user = ? and told = ?"

local function write_one(self, user, one)
  local db, connection = self.db, self.connection
  local state, known = self.tallies[user][one], self.known[user][one]
  if known then
    db:run(WRITE_KNOWN, connection, user, one.number, known.text, known.at, known.id)
  elseif state.count == 0 then
    if state.stored then db:run(REMOVE_TALLY, connection, user, one.number) end
  else
    local oldest, newest = state.first, state.latest
    db:run(
      WRITE_TALLY,
      connection,
      user,
      one.number,
      state.count,
      state.total,
      state.bad,
      oldest,
      newest,
      state.due
    )
  end
end

--- Writes what is another now.
-- @treturn {[string]=table} for each user of whom something moved that a rule reads, the numbers of what did, in
--   order
function Tallies:write()
  local moved = {}
  for _, user in ipairs(self.users) do
    local numbers = {}
    for one, before in pairs(self.dirty[user] or {}) do
      write_one(self, user, one)
      local known = self.known[user][one]
      local now = one.aggregate and image(one, self.tallies[user][one]) or known.text
      if now ~= before and one.names[1] then numbers[#numbers + 1] = one.number end
    end
    if #numbers > 0 then
      table.sort(numbers)
      moved[user] = numbers
    end
  end
  self.dirty = {}
  return moved
end

--- What a rule reads of a user, by the names of fields.
-- @tparam string user
-- @treturn table as `tagua.events.snapshot` has it, plain values as `text`: JSON
function Tallies:read(user)
  local found = {}
  for _, one in ipairs(self.told.list) do
    local entry
    if one.aggregate then
      local value, bad = aggregates.value(one.aggregate, self.tallies[user][one])
      entry = { value = value, bad = bad }
    elseif self.known[user][one] then
      entry = { text = self.known[user][one].text }
    end
    for _, name in ipairs(one.names) do
      found[name] = entry
    end
  end
  return found
end

return M
