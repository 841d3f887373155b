--- What a keeper has to know again after it was killed: how far it has come in the inbox, which runs are its own,
-- whose turn comes again later. Tables of the ledger, so that each changes in one transaction with what it is about.
local store = require("tagua.ledger.store")

local M = {}

local TABLES = [[
-- How far the automation has come with a connection.
create table if not exists keeper (
  connection integer primary key,
  inbox text,                -- which file of events the numbers below are of
  wishes integer not null default 0, -- the last wish that was taken up
  raws integer not null default 0,   -- the last body of a named hook that was looked at
  swept_rules text,          -- the rules by which all known users were decided last, ...
  swept integer,             -- ... and when that was, in seconds since 1970
  polled integer             -- when the last complete look at the platform's users began, in milliseconds
);

-- The runs of the automation that are not over.
create table if not exists keeper_run (
  run integer primary key,
  connection integer not null,
  purpose text not null,     -- events, wishes, sweep, expire
  tries integer not null default 0, -- how often its operations were tried before
  due integer                -- it is over, and what did not work is tried again then, in milliseconds
);

-- Whose turn comes again, because an operation of theirs failed or its effect was not known yet.
create table if not exists keeper_again (
  connection integer not null,
  user text not null,
  due integer not null,      -- milliseconds since 1970
  tries integer not null,
  primary key (connection, user)
) without rowid;
create index if not exists keeper_again_due on keeper_again (connection, due);
]]

local State = {}
State.__index = State

--- Opens the tables, makes them when there are none.
-- @tparam table book the ledger's side of the connection
-- @tparam string inbox what the numbers are numbers in: where that is another one, they count from the beginning
-- @treturn table|nil
-- @treturn string message
-- @treturn string code
function M.open(book, inbox)
  local db = book.ledger.store
  local ok, message, code = db:transact(function()
    store.must(db.db:exec(TABLES))
    db:run("insert or ignore into keeper (connection) values (?)", book.number)
    db:run(
      "update keeper set inbox = ?1, wishes = 0, raws = 0 where connection = ?2 and inbox is not ?1",
      inbox,
      book.number
    )
    return true
  end)
  if not ok then
    return nil, message, code
  end
  return setmetatable({ db = db, connection = book.number }, State)
end

--- One of the keeper's own values: `wishes`, `raws`, `swept_rules`, `swept`, `polled`.
function State:get(name)
  local _, value = self.db:row(("select 1, %s from keeper where connection = ?"):format(name), self.connection)
  return value
end

--- Sets it. Inside of a transaction or alone.
function State:set(name, value)
  return self.db:transact(function()
    self.db:run(("update keeper set %s = ? where connection = ?"):format(name), value, self.connection)
    return true
  end)
end

--- Notes a run as the keeper's own. Inside the transaction that puts it into the queue.
function State:own(run, purpose, tries)
  self.db:run(
    "insert into keeper_run (run, connection, purpose, tries) values (?, ?, ?, ?)",
    run,
    self.connection,
    purpose,
    tries or 0
  )
end

--- A run is over, and what did not work is to be tried again.
function State:postpone(run, due)
  self.db:run("update keeper_run set due = ? where run = ?", due, run)
end

--- Forgets a run that is over.
function State:disown(run)
  self.db:run("delete from keeper_run where run = ?", run)
end

--- The keeper's own runs that it has not seen the end of.
-- @treturn {table,...} `{ run, purpose, tries, due, state, process }`; `state` is nil where the run is gone
function State:runs()
  local found = {}
  for run, purpose, tries, due, state, process in
    self.db:rows(
      "select k.run, k.purpose, k.tries, k.due, r.state, r.process from keeper_run k "
        .. "left join run r on r.number = k.run where k.connection = ? order by k.run",
      self.connection
    )
  do
    found[#found + 1] = {
      run = run,
      purpose = purpose,
      tries = tries,
      due = due,
      state = state,
      process = process,
    }
  end
  return found
end

--- Has a user decided again later.
-- @tparam string user
-- @tparam integer due milliseconds
-- @tparam integer tries
function State:again(user, due, tries)
  self.db:run(
    "insert into keeper_again (connection, user, due, tries) values (?, ?, ?, ?) "
      .. "on conflict (connection, user) do update set due = excluded.due, tries = excluded.tries",
    self.connection,
    user,
    due,
    tries
  )
end

--- A user's turn has come: how often it did is remembered until it is known what became of it.
function State:called(user)
  self.db:run(
    "update keeper_again set due = ? where connection = ? and user = ?",
    math.maxinteger,
    self.connection,
    user
  )
end

--- How often a user was decided again already.
function State:tries(user)
  return self.db:row("select tries from keeper_again where connection = ? and user = ?", self.connection, user) or 0
end

-- Nobody knows what became of an operation of theirs.
local IN_DOUBT = "exists (select 1 from holding h "
  .. "where h.connection = a.connection and h.user = a.user and h.doubt = 1)"

--- A user is decided: nobody has to come back, unless somebody says so again.
function State:settled(user)
  self.db:run("delete from keeper_again where connection = ? and user = ?", self.connection, user)
end

--- The same, where nothing of the user's is in doubt: that has to be read first.
function State:decided(user)
  self.db:run("delete from keeper_again as a where connection = ? and user = ? and not " .. IN_DOUBT, self.connection,
    user)
end

--- What a user's turn brought about is done.
function State:finished(user)
  self.db:run(
    "delete from keeper_again where connection = ? and user = ? and due = ?",
    self.connection,
    user,
    math.maxinteger
  )
end

--- The users whose turn has come again, those who waited longest first; not those of whom something is in doubt.
-- @tparam integer now milliseconds
-- @tparam integer limit
-- @treturn {string,...}
function State:due(now, limit)
  local found = {}
  for user in
    self.db:rows(
      "select user from keeper_again a where connection = ? and due <= ? and not " .. IN_DOUBT
        .. " order by due, user limit ?",
      self.connection,
      now,
      limit
    )
  do
    found[#found + 1] = user
  end
  return found
end

--- Of those whose turn has come, the first one who has a tag in doubt.
-- @tparam integer now milliseconds
-- @treturn ?string
function State:doubtful(now)
  return (self.db:row("select user from keeper_again a where connection = ?1 and due <= ?2 and " .. IN_DOUBT
    .. " order by due, user limit 1", self.connection, now))
end

--- Whether any user waits for another turn, or has it just now.
function State:any_again()
  return self.db:row("select 1 from keeper_again where connection = ? limit 1", self.connection) ~= nil
end

--- How many users wait for another turn.
function State:waiting()
  return self.db:row(
    "select count(*) from keeper_again where connection = ? and due < ?",
    self.connection,
    math.maxinteger
  )
end

return M
