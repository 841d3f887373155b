--- The inbox: the durable file of events, of the raw bodies of named hooks, and of wishes of other programs,
-- in order of arrival for each connection. Knows no rules, decides nothing.
--
-- Everything that can fail at run time returns `nil, message, code`: `ELEDGER` (no inbox, damaged, newer),
-- `EDISK` (full), `ELOCKED` (another process writes for too long), `ESQL`; `EINPUT` for what can't be taken.
-- @module tagua.events.inbox
local core = require("tagua.core")
local event = require("tagua.events.event")
local file = require("tagua.ledger.file")
local store = require("tagua.ledger.store")

local M = {}

-- "TguE" in the file's header.
local MARK = 0x54677545

local TABLES = [[
create table inbox (
  id text not null           -- tells this file from another one of the same name
);

-- The numbers of a connection count from 1 without a gap, each kind for itself.
create table connection (
  number integer primary key,
  name text not null unique,
  events integer not null default 0, -- the highest number that was given
  raws integer not null default 0,
  wishes integer not null default 0,
  forgotten integer          -- events before this moment (milliseconds) may have been forgotten; null: none
);

create table event (
  connection integer not null,
  number integer not null,
  received integer not null, -- milliseconds since the epoch, as all moments here
  source text not null,      -- line, meta, botbonnie, hook, events
  user text not null,
  type text not null,
  at integer not null,       -- when it happened
  id text,                   -- its sender's, by which it is known again
  fields text not null,      -- a JSON object without objects in it
  primary key (connection, number)
) without rowid;
create index event_by_user on event (connection, user, type, at);
create index event_by_at on event (connection, at);

-- Events that came before. Remembered for longer than the events themselves.
create table seen (
  connection integer not null,
  source text not null,
  id text not null,
  received integer not null,
  primary key (connection, source, id)
) without rowid;
create index seen_by_received on seen (connection, received);

-- Bodies of named hooks, which the rules turn into events.
create table raw (
  connection integer not null,
  number integer not null,
  hook text not null,
  id text,
  body text not null,
  at integer not null,
  primary key (connection, number)
) without rowid;

-- What other programs on this host want done.
create table wish (
  connection integer not null,
  number integer not null,
  action text not null,
  user text not null,
  tag text not null,
  lasts integer,
  ends integer,
  client text,
  at integer not null,
  primary key (connection, number)
) without rowid;
]]

--- How long an id is remembered after it came, in milliseconds, where its event is forgotten sooner.
M.REMEMBERED = 30 * 86400 * 1000

--- Forgets ids: looks up each by the table's key, for a connection may have millions of them.
M.FORGET_IDS = "delete from seen where connection = ?1 and (source, id) in (select source, id from seen "
  .. "indexed by seen_by_received where connection = ?1 and received < ?2 order by received limit ?3)"

local LONGEST_BODY = 1024 * 1024
local LONGEST_NAME = 1000
local ACTIONS = { tag = true, untag = true, ensure = true }

local Inbox = setmetatable({}, { __index = require("tagua.events.inbox_read") })
Inbox.__index = Inbox

local function create(db)
  store.must(db.db:exec(TABLES))
  db:run("insert into inbox (id) values (?)", core.system.random_hex(8))
end

--- Opens the inbox, makes it when there is none.
-- @tparam string path
-- @tparam[opt] table options `now()`: milliseconds since the epoch; `read_only`; `busy`: seconds to wait for
--   another process's transaction (30); `durability` of `core.sql.open` (`full`)
-- @treturn table|nil
-- @treturn string message
-- @treturn string code
function M.open(path, options)
  options = options or {}
  local db, message, code = file.open(path, {
    mark = MARK,
    what = "the inbox of events",
    instead = "move it out of the way, or name another ledger with --ledger",
    version = 1,
    cache = 16,
    create = create,
  }, options)
  if not db then
    return nil, message, code
  end
  local self = setmetatable({
    store = db,
    path = path,
    numbers = {},
    now = options.now or function()
      return core.system.wall_ns() // 1000000
    end,
  }, Inbox)
  self.id, message, code = store.try(db.row, db, "select id from inbox")
  if not self.id then
    db:close()
    message = ("cannot use '%s' as the inbox of events: %s"):format(path, message or "it is not whole")
    return nil, message, code or "ELEDGER"
  end
  return self
end

--- Closes the file. May be called twice.
function Inbox:close()
  if self.store then
    self.store:close()
    self.store = nil
  end
end

--- Reads the whole file for damage.
-- @treturn true|nil
-- @treturn string what is damaged
-- @treturn string `ELEDGER`
function Inbox:check()
  local ok, message = self.store.db:check()
  if not ok then
    return nil, message, "ELEDGER"
  end
  return true
end

local function refuse(format, ...)
  store.fail("EINPUT", format, ...)
end

local function check_text(what, part, value, longest)
  if type(value) ~= "string" or value == "" or #value > longest then
    refuse("%s cannot be taken: %s is missing or longer than %d bytes", what, part, longest)
  end
end

local function check_raw(raw)
  check_text("a body", "connection", raw.connection, event.LONGEST.connection)
  check_text("a body", "hook", raw.hook, event.LONGEST.type)
  if raw.id ~= nil then
    check_text("a body", "id", raw.id, event.LONGEST.id)
  end
  if type(raw.body) ~= "string" or #raw.body > LONGEST_BODY then
    refuse("a body cannot be taken: it is missing or longer than %d bytes", LONGEST_BODY)
  end
end

local function check_wish(wish)
  check_text("a wish", "connection", wish.connection, event.LONGEST.connection)
  check_text("a wish", "user", wish.user, event.LONGEST.user)
  check_text("a wish", "tag", wish.tag, LONGEST_NAME)
  if not ACTIONS[wish.action] then
    refuse("a wish cannot be taken: its action is tag, untag or ensure")
  end
  for _, part in ipairs({ "lasts", "ends" }) do
    if wish[part] ~= nil and math.type(wish[part]) ~= "integer" then
      refuse("a wish cannot be taken: %s is not a whole number of seconds", part)
    end
  end
  for _, part in ipairs({ "client", "id" }) do
    if wish[part] ~= nil then
      check_text("a wish", part, wish[part], event.LONGEST.id)
    end
  end
end

-- The numbers of the connections that one transaction uses, written back at its end.
local function numbering(db)
  local rows = {}
  local self = {}
  function self.of(name)
    local row = rows[name]
    if not row then
      local number, events, raws, wishes = db:row(
        "insert into connection (name) values (?) on conflict (name) do update set name = name "
          .. "returning number, events, raws, wishes",
        name
      )
      row = { number = number, events = events, raws = raws, wishes = wishes }
      rows[name] = row
    end
    return row
  end
  function self.write()
    for _, row in pairs(rows) do
      db:run(
        "update connection set events = ?, raws = ?, wishes = ? where number = ?",
        row.events,
        row.raws,
        row.wishes,
        row.number
      )
    end
  end
  return self
end

-- Whether an id is new on its connection and source; from now on it is not.
local function is_new(db, connection, source, id, received)
  return db:run(
    "insert or ignore into seen (connection, source, id, received) values (?, ?, ?, ?)",
    connection,
    source,
    id,
    received
  ) == 1
end

local function take_event(db, numbers, given, text, received)
  local row = numbers.of(given.connection)
  if given.id and not is_new(db, row.number, given.source, given.id, received) then
    return false
  end
  row.events = row.events + 1
  given.number = row.events
  db:run(
    "insert into event (connection, number, received, source, user, type, at, id, fields) "
      .. "values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    row.number,
    row.events,
    received,
    given.source,
    given.user,
    given.type,
    math.min(given.at, received),
    given.id,
    text
  )
  return true
end

local function take_raw(db, numbers, raw, received)
  local row = numbers.of(raw.connection)
  if raw.id and not is_new(db, row.number, "hook:" .. raw.hook, raw.id, received) then
    return false
  end
  row.raws = row.raws + 1
  db:run(
    "insert into raw (connection, number, hook, id, body, at) values (?, ?, ?, ?, ?, ?)",
    row.number,
    row.raws,
    raw.hook,
    raw.id,
    raw.body,
    math.min(raw.at or received, received)
  )
  return true
end

-- The number of a wish; false where one with its id came before.
local function take_wish(db, numbers, wish, received)
  local row = numbers.of(wish.connection)
  if wish.id and not is_new(db, row.number, "wish", wish.id, received) then
    return false
  end
  row.wishes = row.wishes + 1
  db:run(
    "insert into wish (connection, number, action, user, tag, lasts, ends, client, at) "
      .. "values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    row.number, row.wishes, wish.action, wish.user, wish.tag, wish.lasts, wish.ends, wish.client, received
  )
  return row.wishes
end

--- Takes everything of a batch, or nothing, in one transaction that is on the disk when this returns.
-- An event whose id was seen before on its connection and source is left out. One that says that it happens
-- later than now is taken to happen now.
-- @tparam table batch lists, each of which may be missing: `events` as `tagua.events.event` checks them, with what
--   that gave as `text` where it was done already; each that is kept gets its `number`; `raws`
--   `{ connection, hook, id or none, body, at (milliseconds, or none) }`; `wishes` `{ connection, action,
--   user, tag, lasts, ends, client, id }`; `parsed`: `{ [connection] = { numbers of raws } }` that became the events
--   of this batch (or nothing), and are forgotten with it
-- @treturn table|nil `events`, `raws` and `duplicates`: how many; `wishes`: the number of each, in order,
--   false for one whose id was seen before on its connection
-- @treturn string message
-- @treturn string code `EINPUT`: one of them can't be taken, so none was
function Inbox:take(batch)
  local db, received = self.store, self.now()
  return db:transact(function()
    local numbers = numbering(db)
    local result = { events = 0, raws = 0, duplicates = 0, wishes = {} }
    for _, given in ipairs(batch.events or {}) do
      local text = given.text or store.must(event.check(given))
      if take_event(db, numbers, given, text, received) then
        result.events = result.events + 1
      else
        result.duplicates = result.duplicates + 1
      end
    end
    for _, raw in ipairs(batch.raws or {}) do
      check_raw(raw)
      if take_raw(db, numbers, raw, received) then
        result.raws = result.raws + 1
      else
        result.duplicates = result.duplicates + 1
      end
    end
    for i, wish in ipairs(batch.wishes or {}) do
      check_wish(wish)
      result.wishes[i] = take_wish(db, numbers, wish, received)
    end
    for name, parsed in pairs(batch.parsed or {}) do
      for _, number in ipairs(parsed) do
        db:run("delete from raw where connection = ? and number = ?", numbers.of(name).number, number)
      end
    end
    numbers.write()
    return result
  end)
end

--- Forgets events that happened before a moment, the oldest first, and ids that came before it and are older
-- than `REMEMBERED`.
-- @tparam string connection
-- @tparam integer before milliseconds
-- @tparam integer limit how many events at most, and how many ids: a transaction must stay short
-- @tparam[opt] integer upto the highest number that may be forgotten; later ones have yet to be folded
-- @treturn integer|nil how many events it was
-- @treturn string message
-- @treturn string code
function Inbox:forget(connection, before, limit, upto)
  local db = self.store
  return db:transact(function()
    local number = self:number_of(connection)
    if not number then
      return 0
    end
    local gone = db:run(
      "delete from event where connection = ?1 and number in (select number from event indexed by event_by_at "
        .. "where connection = ?1 and at < ?2 and number <= ?3 order by at limit ?4)",
      number,
      before,
      upto or math.maxinteger,
      limit
    )
    if gone > 0 then
      db:run(
        "update connection set forgotten = max(coalesce(forgotten, ?1), ?1) where number = ?2",
        before,
        number
      )
    end
    db:run(
      M.FORGET_IDS,
      number,
      math.min(before, self.now() - M.REMEMBERED),
      limit
    )
    return gone
  end)
end

--- Forgets bodies that were looked at and came to nothing.
-- @tparam string connection
-- @tparam integer upto the highest number of them
-- @tparam integer before milliseconds; those that came earlier
-- @tparam[opt=256] integer limit how many are looked at, the oldest first
-- @treturn integer|nil how many it was
-- @treturn string message
-- @treturn string code
function Inbox:forget_raws(connection, upto, before, limit)
  local db = self.store
  return db:transact(function()
    return db:run(
      "delete from raw where connection = ?1 and number in (select number from (select number, at from raw "
        .. "where connection = ?1 and number <= ?2 order by number limit ?4) where at < ?3)",
      self:number_of(connection) or 0,
      upto,
      before,
      limit or 256
    )
  end)
end

--- Forgets wishes that were taken up.
-- @tparam string connection
-- @tparam integer upto the highest number of them
-- @tparam[opt=256] integer limit
-- @treturn integer|nil how many
-- @treturn string message
-- @treturn string code
function Inbox:forget_wishes(connection, upto, limit)
  local db = self.store
  return db:transact(function()
    return db:run(
      "delete from wish where connection = ?1 and number in (select number from wish where connection = ?1 "
        .. "and number <= ?2 order by number limit ?3)",
      self:number_of(connection) or 0,
      upto,
      limit or 256
    )
  end)
end

return M
