--- The ledger's tables: makes them in a new file, brings an older ledger up to date, refuses a file
-- that is none. Writes nothing into a file that it refuses.
local core = require("tagua.core")
local file = require("tagua.ledger.file")
local store = require("tagua.ledger.store")
local event_tables = require("tagua.events.tables")

local M = {}

-- "Tagu" in the file's header, where the `file` command and a careful program look.
local MARK = 0x54616775

local TABLES = [[
create table connection (
  number integer primary key,
  name text not null,        -- what the configuration called it last
  platform text not null,
  bot text not null,
  page text not null,
  channel text not null,
  pulled integer,            -- when the last complete pull began, in seconds since 1970
  generation integer not null default 0, -- of the last pull that began
  sender text,               -- the process that last became the sender: its id and when it started
  unique (platform, bot, page, channel)
);

-- Tags and folders, also those that have yet to be created.
create table tag (
  number integer primary key,
  connection integer not null references connection,
  id text,                   -- the platform's; null until it was created
  name text not null,
  kind text not null check (kind in ('tag', 'folder')),
  folder integer references tag,
  state text not null check (state in (
    'known',                 -- exists on the platform
    'wanted',                -- an operation needs it, nothing was asked for yet
    'creating',              -- asked for, no answer so far: if no process is at it, the answer was lost
    'deleted')),
  at integer,                -- when it came into this state
  message text
);
create unique index tag_by_id on tag (connection, id) where id is not null;
create index tag_by_name on tag (connection, name);

-- The mirror: the people that the platform showed at the last pull.
create table user (
  connection integer not null,
  id text not null,          -- as the platform writes it
  name text,
  ext_id text,               -- without spaces at both ends, as phone and email
  phone text,
  email text,
  gender text,
  birthday text,
  created integer,           -- as the platform gives it
  last_active integer,
  blocked integer not null,  -- 1: blocked the bot, can't be reached
  params text not null,      -- a JSON object
  flat text,                 -- the same with clashing names changed, where any clash
  generation integer not null,
  primary key (connection, id)
) without rowid;
create index user_by_ext_id on user (connection, ext_id) where ext_id is not null;
create index user_by_phone on user (connection, phone) where phone is not null;
create index user_by_email on user (connection, email) where email is not null;
create index user_blocked on user (connection, id) where blocked = 1;

-- The mirror: who has which tag. Rows with present = 0 remember who took the tag off. What the
-- columns `ours`, `found` and `decision` mean together is in tagua.ownership.
create table holding (
  connection integer not null,
  user text not null,
  tag integer not null,
  present integer not null,  -- 1 or 0
  ours integer not null,     -- 1: tagua did it last; 0: somebody in the console
  found integer not null default 0, -- 1: was there at the first pull, and nobody adopted it since
  decision integer,          -- where the console did it last, what the rules wanted when an apply first
                             -- looked: 0: off, 1: on; 2, 3: the same, and they changed their mind once
                             -- since; null: no apply has looked yet
  doubt integer not null default 0, -- 1: the effect of an operation is not known, until the next pull;
                             -- 2: an operation is being sent
  timestamp integer,         -- the platform's, of the last tagging that a pull has shown
  count integer,             -- the platform's, likewise
  since integer,             -- when tagua did it, in seconds since 1970
  lasts integer,             -- of a tag that tagua put on: it comes off so many seconds after the platform's
                             -- timestamp (or since, where there is none), ...
  renewed integer,           -- ... or after this moment, from which the time counts anew, ...
  ends integer,              -- ... and not later than at this moment
  expired integer not null default 0, -- 1: taken off because its time was over
  run integer,               -- the run that did it; null: somebody has touched it since
  generation integer not null,
  entry integer not null default 0, -- the journal's entry that changed it last; 0: none
  primary key (connection, user, tag)
) without rowid;

create index holding_timed on holding (connection, tag, user)
  where present = 1 and ours = 1 and (lasts is not null or ends is not null);

create table run (
  number integer primary key,
  connection integer not null references connection,
  kind text not null,        -- apply, tag, untag, retry, undo, expire, event, delete
  source integer references run, -- the run that this one undoes or tries again
  state text not null check (state in (
    'planning',              -- its operations are being written
    'ready',                 -- planned, nothing sent
    'queued',                -- agreed to, for the sender to take up
    'sending',               -- being sent, unless the process died
    'interrupted', 'stopped',-- can go on
    'done', 'abandoned')),
  rules text,                -- the rule file
  rules_hash text,
  input text,
  input_hash text,           -- SHA-256 of its bytes
  creations text,            -- what it has to create first, as JSON
  process text,              -- the process that wants it done: its id and when it started
  entry integer not null default 0, -- the journal's last entry when it was planned
  at integer,                -- the moment that the rules took for now
  tests text,                -- what came of the rules' own tests: passed, skipped
  approved text,             -- the number that an approved plan bears which it carries out
  created integer not null,
  finished integer,
  message text,              -- why it stopped
  planned integer not null default 0,
  done integer, failed integer, skipped integer, unattributed integer, ambiguous integer -- once finished
);

create index run_open on run (connection, state)
  where state in ('queued', 'sending', 'interrupted', 'stopped');

create table rule (
  number integer primary key,
  name text not null,
  line integer,              -- in the rule file
  unique (name, line)
);

create table operation (
  run integer not null,
  seq integer not null,      -- the order within the run
  user text not null,
  tag integer not null,
  action text not null,      -- tag, untag; delete: the tag itself, off everybody, and user is empty
  rule integer,
  input_line integer,        -- where its record was
  before integer,            -- 0: absent, 1: present, more: the platform's timestamp; null: not known
  lasts integer,             -- as in holding
  ends integer,
  outcome text,              -- null: not sent yet; sending: sent, no answer yet; else how it ended
  code text,
  message text,
  at integer,
  primary key (run, seq)
) without rowid;
create index operation_sending on operation (run, seq) where outcome = 'sending';
create index operation_by_user on operation (user);

-- What a rule went by for a user whom a run changes, as it was then.
create table record (
  run integer not null,
  line integer not null,     -- of the input
  rule integer not null,
  fields text not null,      -- a JSON object: each field that the rule reads -> value
  primary key (run, line, rule)
) without rowid;

-- What a run will put into holding.decision once it is agreed to; 4: the tag is the rules' again.
create table note (
  run integer not null,
  user text not null,
  tag integer not null,
  decision integer not null,
  primary key (run, user, tag)
) without rowid;

-- What a plan changes in the times of tags that stay as they are on the platform. Carried out, and
-- removed, before the run sends.
create table timing (
  run integer not null,
  user text not null,
  tag integer not null,
  what text not null check (what in (
    'time',                  -- the holding gets this lasts and ends
    'renew',                 -- likewise, and its time counts from the run's moment
    'off')),                 -- the rule was off: an expired tag may come back
  lasts integer,
  ends integer,
  primary key (run, user, tag)
) without rowid;

-- What each message cost that a tag sets off, as the connection had it at the run.
create table price (
  run integer not null,
  tag integer not null,
  amount real not null,
  primary key (run, tag)
) without rowid;

-- How many records the last apply of a rule file has read.
create table reading (
  connection integer not null,
  rules text not null,
  records integer not null,
  at integer not null,
  primary key (connection, rules)
) without rowid;

-- The rule files that runs went by: the file itself under the pattern "", and what it included.
create table rule_text (
  hash text not null,        -- as in run.rules_hash
  pattern text not null,     -- as the word include has it
  position integer not null, -- among what the pattern names
  name text not null,
  source text not null,
  primary key (hash, pattern, position)
) without rowid;

-- What happened to operations since the last fold: only ever appended to while a run sends.
create table journal (
  id integer primary key autoincrement,
  run integer not null,
  first integer not null,    -- from this seq
  last integer not null,     -- to this one
  outcome text not null,
  code text,
  message text,
  at integer not null
);
]]

--- When a holding `h` of Tagua's comes off, in seconds since the epoch; null: no time is set.
M.due = "case when h.lasts is null then h.ends else min(coalesce(h.ends, 9223372036854775807), "
  .. "coalesce(h.renewed, h.timestamp / 1000, h.since) + h.lasts) end"

local VIEWS = ([[
-- Every operation and how it ended, what is still in the journal included.
create view operations as
  with recursive entry (run, seq, last, id, outcome, code, message, at) as (
    select run, first, last, id, outcome, code, message, at from journal
    union all
    select run, seq + 1, last, id, outcome, code, message, at from entry where seq < last
  ), latest as materialized (
    select run, seq, max(id) as id, outcome, code, message, at from entry group by run, seq
  )
  select o.run, o.seq, c.name as connection, o.user, o.action, t.name as tag, t.id as tag_id,
    r.name as rule, n.rules as file, r.line, n.input, n.input_hash, o.input_line, f.fields,
    case when l.id is null then coalesce(o.outcome, 'waiting')
         when l.outcome = 'returned' then 'waiting' else l.outcome end as outcome,
    case when l.id is null then o.code else l.code end as code,
    case when l.id is null then o.message else l.message end as message,
    datetime(case when l.id is null then o.at else l.at end, 'unixepoch') as time
  from operation o
    join run n on n.number = o.run
    join connection c on c.number = n.connection
    join tag t on t.number = o.tag
    left join rule r on r.number = o.rule
    left join record f on f.run = o.run and f.line = o.input_line and f.rule = o.rule
    left join latest l on l.run = o.run and l.seq = o.seq;

-- Runs with their sums: planned = done + failed + skipped + left.
create view runs as
  select r.number as run, c.name as connection, r.kind, r.state,
    datetime(r.created, 'unixepoch') as created, datetime(r.finished, 'unixepoch') as finished,
    r.source, r.rules, r.input, r.planned,
    coalesce(s.done, r.done, 0) as done,
    coalesce(s.failed, r.failed, 0) as failed,
    coalesce(s.skipped, r.skipped, 0) as skipped,
    r.planned - coalesce(s.done, r.done, 0) - coalesce(s.failed, r.failed, 0)
      - coalesce(s.skipped, r.skipped, 0) as left,
    coalesce(s.unattributed, r.unattributed, 0) as unattributed,
    coalesce(s.ambiguous, r.ambiguous, 0) as ambiguous,
    r.message
  from run r
    join connection c on c.number = r.connection
    left join (
      select run, sum(outcome in ('done', 'unattributed')) as done,
        sum(outcome in ('failed', 'ambiguous')) as failed,
        sum(outcome in ('skipped', 'stands')) as skipped,
        sum(outcome = 'unattributed') as unattributed, sum(outcome = 'ambiguous') as ambiguous
      from operations
      where run in (select number from run where state in ('queued', 'sending', 'interrupted', 'stopped'))
      group by run
    ) s on s.run = r.number;

-- How many people have each tag, as far as the mirror knows.
create view tag_sizes as
  select c.name as connection, t.name as tag, t.id as tag_id, count(h.user) as users,
    coalesce(sum(h.ours), 0) as by_tagua, count(h.user) - coalesce(sum(h.ours), 0) as by_console,
    coalesce(sum(h.found), 0) as found
  from tag t
    join connection c on c.number = t.connection
    left join holding h on h.connection = t.connection and h.tag = t.number and h.present = 1
  where t.kind = 'tag' and t.state = 'known'
  group by t.number;

-- Who has which tag, and who put it there.
create view tagged as
  select c.name as connection, h.user, u.name, t.name as tag, t.id as tag_id,
    case when h.ours = 1 then 'tagua' when h.found = 1 then 'found' else 'console' end as owner,
    datetime(h.since, 'unixepoch') as since, h.timestamp, h.count,
    datetime(case h.ours when 1 then DUE end, 'unixepoch') as ends
  from holding h
    join connection c on c.number = h.connection
    join tag t on t.number = h.tag
    left join user u on u.connection = h.connection and u.id = h.user
  where h.present = 1;

-- Where somebody in the console has the last word: what they did, and what the rules wanted.
create view overrides as
  select c.name as connection, h.user, t.name as tag, t.id as tag_id,
    case h.present when 1 then 'put on' else 'taken off' end as done,
    case h.decision when 0 then 'off' when 1 then 'on' when 2 then 'on' when 3 then 'off' end as wanted
  from holding h
    join connection c on c.number = h.connection
    join tag t on t.number = h.tag
  where h.ours = 0 and h.found = 0;
]]):gsub("DUE", M.due)

--- From one version to the next: `migrations[n]` takes a ledger of version n to n + 1.
-- Views are made anew after them.
M.migrations = {}

--- The version that this program writes.
function M.version()
  return #M.migrations + 1
end

local VIEW_NAMES = { "operations", "runs", "tag_sizes", "tagged", "overrides" }

-- Writes the tables of a new ledger.
local function create(db, version)
  store.must(db.db:exec(TABLES))
  store.must(db.db:exec(event_tables))
  for from = 1, version - 1 do
    store.must(db.db:exec(M.migrations[from]))
  end
  store.must(db.db:exec(VIEWS))
end

-- Brings an older ledger up to date in one transaction, and keeps a copy of what it was.
local function migrate(db, path, version, stamp)
  local from = db:row("pragma user_version")
  local copy = ("%s.version-%d"):format(path, from)
  if not core.system.file_kind(copy) then
    os.remove(copy .. ".part")
    db:run("vacuum into ?", copy .. ".part")
    local kept, why = os.rename(copy .. ".part", copy)
    if not kept then
      store.fail("EIO", "cannot keep a copy of the ledger before it is brought up to date: %s", why)
    end
  end
  store.must(db:transact(function()
    from = db:row("pragma user_version")
    for _, name in ipairs(VIEW_NAMES) do
      db:run(("drop view if exists %s"):format(name))
    end
    for step = from, version - 1 do
      store.must(db.db:exec(M.migrations[step]))
    end
    store.must(db.db:exec(VIEWS))
    stamp()
    return true
  end))
end

--- Opens a ledger, makes it when there is no file, brings it up to date when it is older.
-- @tparam string path
-- @tparam[opt] table options `durability` and `busy` of `core.sql.open`
-- @treturn table|nil the store
-- @treturn string message
-- @treturn string code `ELEDGER`: no ledger, damaged, or newer than this program; `EDISK`; `ELOCKED`
function M.open(path, options)
  return file.open(path, {
    mark = MARK,
    what = "the ledger",
    instead = "name another file with --ledger",
    version = M.version(),
    cache = 32,
    create = create,
    migrate = migrate,
  }, options)
end

return M
