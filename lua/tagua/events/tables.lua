--- The ledger's tables for what was folded from events. Text alone: `tagua.ledger.schema` makes them.
-- @module tagua.events.tables
return [[
-- How far the events of a connection were folded.
create table followed (
  connection integer primary key,
  inbox text not null,       -- which file of events `event` is a number in, and the connection's name there
  event integer not null default 0,  -- the last event that was folded
  clock integer not null default 0   -- the moment for which the tallies hold, in milliseconds; never goes back
);

-- What the rules want to know of events: each aggregate, each plain field, once.
create table told (
  number integer primary key,
  connection integer not null,
  key text not null,         -- what tells it from others; fields that say the same share it
  field text not null,       -- the name of one such field
  declared text not null,    -- the aggregate, or the plain field's name in events, as JSON
  event integer not null default 0,  -- the last event that was folded into it
  since integer,             -- events before this moment (milliseconds) were gone when it was first asked for
  dropped integer,           -- no rule asks for it since then (milliseconds); null: one does
  unique (connection, key)
);

-- The users of whom an event came.
create table follower (
  connection integer not null,
  user text not null,
  primary key (connection, user)
) without rowid;

-- What the events of a user come to. All moments are milliseconds since 1970.
create table tally (
  connection integer not null,
  user text not null,
  told integer not null,
  count integer not null,    -- events that are in the window
  total integer not null,    -- their amounts, in millionths
  bad integer not null,      -- how many of their amounts are no number
  first integer,             -- when the oldest of them happened
  latest integer,            -- the newest
  due integer,               -- when the next one leaves the window; null: there is no window, or nothing in it
  primary key (connection, user, told)
) without rowid;
create index tally_due on tally (connection, due) where due is not null;

-- The plain fields of a user: what the newest event says that carries them.
create table known (
  connection integer not null,
  user text not null,
  told integer not null,
  value text not null,       -- as JSON
  at integer not null,       -- when that event happened
  id text,                   -- and its id
  primary key (connection, user, told)
) without rowid;

-- Users of whom something moved, and whom the rules have yet to decide about, or whose operations are under way.
create table changed (
  connection integer not null,
  user text not null,
  event integer not null,    -- the event that moved something first, or the last one before it moved on its own
  since integer not null,    -- when that was noticed, in milliseconds
  moved text not null,       -- the numbers of what moved, as in told; '*': all of it
  turn integer not null,     -- counts the changes, so that one in between is not lost
  run integer,               -- the run that carries the decision out; null: not decided yet
  again text,                -- what moved since that run was planned
  again_event integer,
  again_since integer,
  primary key (connection, user)
) without rowid;
create index changed_waiting on changed (connection, event) where run is null;
create index changed_event on changed (connection, event);
create index changed_run on changed (run) where run is not null;
]]
