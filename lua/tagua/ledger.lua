--- The ledger: the durable record of runs and operations, and the mirror. One file, `tagua.db`, that
-- people may open with sqlite3. Sends nothing, knows no platform.
--
-- Everything that can fail at run time returns `nil, message, code`: `ELEDGER` (no ledger, damaged,
-- newer), `EDISK` (full), `ELOCKED` (another process writes for too long), `ESQL`.
-- @module tagua.ledger
local approved = require("tagua.ledger.approved")
local deletions = require("tagua.ledger.deletions")
local glance = require("tagua.ledger.glance")
local journal = require("tagua.ledger.journal")
local mirror = require("tagua.ledger.mirror")
local owners = require("tagua.ledger.owners")
local planning = require("tagua.ledger.planning")
local pull = require("tagua.ledger.pull")
local readings = require("tagua.ledger.readings")
local rulebook = require("tagua.ledger.rulebook")
local queue = require("tagua.ledger.queue")
local run = require("tagua.ledger.run")
local schema = require("tagua.ledger.schema")
local spending = require("tagua.ledger.spending")
local store = require("tagua.ledger.store")
local tags = require("tagua.ledger.tags")
local times = require("tagua.ledger.times")

local M = {}

local Ledger = {}
Ledger.__index = Ledger

local Connection = {}
Connection.__index = Connection

--- Opens the ledger, makes it when there is none, brings it up to date when it is older.
-- @tparam string path
-- @tparam[opt] table options `now`: seconds since the epoch, for specs; `durability`: `full` unless told;
--   `busy`: seconds to wait for another process's transaction, 30 unless told
-- @treturn table|nil
-- @treturn string message
-- @treturn string code
function M.open(path, options)
  local db, message, code = schema.open(path, options)
  if not db then
    return nil, message, code
  end
  return setmetatable({ store = db, path = path, now = options and options.now or os.time }, Ledger)
end

--- Closes the file. What was filed and not flushed is lost, as in a crash.
function Ledger:close()
  self.store:close()
end

--- Reads the whole file for damage.
-- @treturn true|nil
-- @treturn string what is damaged
-- @treturn string `ELEDGER`
function Ledger:check()
  local ok, message = self.store.db:check()
  if not ok then
    return nil, message, "ELEDGER"
  end
  return true
end

--- Moves the journal into the operations and the mirror. Before a plan, and when nobody waits.
function Ledger:fold()
  return journal.fold(self.store)
end

--- The ledger's side of a connection, by its identity; made at first sight.
-- @tparam table identity `name`, `platform`, `bot`, `page`, `channel`
-- @treturn table|nil
-- @treturn string message
-- @treturn string code
function Ledger:connection(identity)
  local key = {}
  for i, field in ipairs({ "platform", "bot", "page", "channel" }) do
    key[i] = identity[field] == nil and "" or tostring(identity[field])
  end
  local name = identity.name or key[1]
  local db = self.store
  local number, message, code = db:transact(function()
    return db:row(
      "insert into connection (name, platform, bot, page, channel) values (?, ?, ?, ?, ?) "
        .. "on conflict (platform, bot, page, channel) do update set name = excluded.name returning number",
      name,
      table.unpack(key)
    )
  end)
  if not number then
    return nil, message, code
  end
  return setmetatable({
    ledger = self,
    number = number,
    name = name,
    page = key[3],
    channel = key[4],
    registry = tags.new(db, number, self.now),
  }, Connection)
end

local RUN_COLUMNS = {
  "run",
  "connection",
  "kind",
  "source",
  "state",
  "created",
  "finished",
  "rules",
  "input",
  "planned",
  "done",
  "failed",
  "skipped",
  "left",
  "unattributed",
  "ambiguous",
  "message",
}
local OPERATION_COLUMNS = {
  "run",
  "seq",
  "user",
  "action",
  "tag",
  "tag_id",
  "rule",
  "file",
  "line",
  "input",
  "input_hash",
  "input_line",
  "fields",
  "outcome",
  "code",
  "message",
  "time",
}

-- A row as a table.
local function record_of(columns, ...)
  local entry = {}
  for i, name in ipairs(columns) do
    entry[name] = (select(i, ...))
  end
  return entry
end

--- The last runs, the newest first, with their sums.
-- @tparam[opt] table options `limit` (100), `run` (this one alone)
-- @treturn {table,...}|nil
function Ledger:runs(options)
  options = options or {}
  local ok, message, code = self:fold()
  if not ok then
    return nil, message, code
  end
  return store.try(function()
    local found = {}
    local text = ("select %s from runs where state <> 'planning' and (?1 is null or run = ?1) "):format(
      table.concat(RUN_COLUMNS, ", ")
    )
    local rows, state, control =
      self.store:rows(text .. "order by run desc limit ?2", options.run, options.limit or 100)
    while true do
      local entry = record_of(RUN_COLUMNS, rows(state, control))
      if not entry.run then
        return found
      end
      found[#found + 1] = entry
    end
  end)
end

local SELECT_OPERATIONS = ("select %s from operations "):format(table.concat(OPERATION_COLUMNS, ", "))

local function operations(self, condition, ...)
  local next_row, state, control = self.store:rows(SELECT_OPERATIONS .. condition, ...)
  return function()
    local entry = record_of(OPERATION_COLUMNS, next_row(state, control))
    return entry.run and entry or nil
  end
end

--- The operations of a run, in order.
-- @tparam integer number
-- @tparam[opt] string outcome these alone: `failed`, `ambiguous`, `waiting`, ...
-- @return an iterator over `{ run, seq, user, action, tag, tag_id, rule, file, line, input, input_hash,
--   input_line, fields, outcome, code, message, time }`; `fields` is JSON
function Ledger:operations(number, outcome)
  return operations(self, "where run = ?1 and (?2 is null or outcome = ?2) order by seq", number, outcome)
end

--- The operations on one user or with one tag, the newest first; deletions of tags that the user had, too.
-- @tparam table options `user`, `tag` (a name or an id), `connection` (its name), `limit` (1000)
-- @return an iterator as `operations` gives one
function Ledger:history(options)
  local conditions = { "outcome <> 'waiting'" }
  for name, condition in pairs({
    user = deletions.of_user,
    tag = "(tag = ?2 or tag_id = ?2)",
    connection = "connection = ?3",
  }) do
    conditions[#conditions + 1] = options[name] and condition or nil
  end
  return operations(
    self,
    ("where %s order by run desc, seq desc limit ?4"):format(table.concat(conditions, " and ")),
    options.user,
    options.tag,
    options.connection,
    options.limit or 1000
  )
end

--- When the last complete pull began, in seconds since the epoch; nil when there was none.
function Connection:pulled()
  local _, pulled = self.ledger.store:row("select number, pulled from connection where number = ?", self.number)
  return pulled
end

--- Begins a pull: `put{ users }` for each page, then `finish()` or `abandon()`.
function Connection:pull()
  return pull.begin(self.ledger, self)
end

--- The moment before one user is read; see `tagua.ledger.glance`.
function Connection:before_glance()
  return glance.moment(self.ledger)
end

--- Puts what was read of one user's tags into the mirror; see `tagua.ledger.glance`.
function Connection:glance(user, held, moment)
  return store.try(glance.take, self.ledger, self, user, held, moment)
end

--- Moves the journal into the operations and the mirror, for all connections.
function Connection:fold()
  return self.ledger:fold()
end

local function folded(self, f, ...)
  local db = self.ledger.store
  local ok, message, code = store.try(function()
    if journal.waiting(db) then
      store.must(journal.fold(db))
    end
    return true
  end)
  if not ok then
    return nil, message, code
  end
  return f(db, self, ...)
end

--- What the mirror says of users and tags, all that was done included; see `tagua.ledger.mirror`.
function Connection:states(users, tag_ids, clock)
  return folded(self, mirror.states, users, tag_ids, clock)
end

--- The names of the tags that users have.
function Connection:tagsets(users)
  return folded(self, mirror.tagsets, users)
end

--- Which users blocked the bot.
function Connection:blocked(users)
  return store.try(mirror.blocked, self.ledger.store, self, users)
end

--- Finds users by `ext_id`, `phone`, `email` or `param:NAME`.
function Connection:matcher(field)
  return mirror.matcher(self.ledger.store, self, field)
end

--- Everybody in the mirror as lines of JSON.
function Connection:records()
  return mirror.records(self.ledger.store, self)
end

--- How many have each known tag.
-- @treturn table id -> `{ users, ours }`
function Connection:tag_sizes()
  return folded(self, function(db)
    return store.try(function()
      local sizes = {}
      local tallied =
        store.must(db:prepare("select tag, ours from holding where connection = ? and present = 1"):tally(self.number))
      for id, number in
        db:rows("select id, number from tag where connection = ? and id is not null", self.number)
      do
        local tally = tallied[number]
        if tally then
          sizes[id] = { users = tally[1], ours = tally[2] }
        end
      end
      return sizes
    end)
  end)
end

local function changing(self, f, ...)
  local ok, message, code = self.ledger:fold()
  if not ok then
    return nil, message, code
  end
  return self.ledger.store:transact(f, self.ledger.store, self, ...)
end

--- Gives one tag of one user back to the rules.
-- @tparam string user
-- @tparam string tag its id
-- @treturn integer|nil 1 where the console had it, else 0
function Connection:release(user, tag)
  return changing(self, owners.release, user, tag)
end

--- Makes a tag Tagua's own on everybody who has it.
-- @tparam string tag its id
-- @treturn integer|nil how many
function Connection:adopt(tag)
  return changing(self, owners.adopt, tag)
end

--- What people changed in the console since the last apply; see `tagua.ledger.owners`.
function Connection:drift()
  return changing(self, owners.drift)
end

--- Every tag and folder that the platform is known to have.
-- @treturn {table,...}|nil `{ number, id, name, kind, folder (its id), folder_name, state, at }`
function Connection:tags()
  return store.try(self.registry.all, self.registry)
end

--- The tag of that name, or the folder.
-- @treturn table|nil nil alone when none is known
-- @treturn string message
-- @treturn string code `EAMBIGUOUS`: several have that name
function Connection:tag(name, kind)
  return store.try(self.registry.named, self.registry, name, kind)
end

--- Says which tags a name means, where a platform has several kinds of tags; see `tagua.ledger.tags`.
-- @tparam ?function fits (name, id) -> boolean
function Connection:only(fits)
  self.registry:only(fits)
end

--- Notes a tag that the platform has: `id`, `name`, `folder` (an id), `kind`. It settles a creation of
-- that name whose answer was lost.
function Connection:remember_tag(tag)
  local ok, message, code = self.ledger.store:transact(function()
    return self.registry:remember(tag)
  end)
  if not ok then
    self.registry.numbers = {}
    return nil, message, code
  end
  return true
end

--- Forgets tags that the platform deleted.
function Connection:forget_tags(ids)
  return self.ledger.store:transact(function()
    self.registry:forget(ids)
    return true
  end)
end

--- Puts the intent to create a tag or a folder on disk; see `tagua.ledger.tags`.
-- @tparam table wish `kind`, `name`, `folder` (an id)
-- @treturn table|nil `done(id)`, `void()`, `ambiguous(message)`
-- @treturn string message
-- @treturn string code `EAMBIGUOUS`: an earlier creation of that name was never answered
function Connection:intend(wish)
  return self.ledger.store:transact(function()
    return self.registry:intend(wish)
  end)
end

--- Creations whose answers were lost.
function Connection:lost_tags()
  return store.try(self.registry.lost, self.registry)
end

--- Forgets lost creations of a name, after a person has looked.
-- @treturn integer|nil how many
function Connection:forget_lost(name, kind)
  return self.ledger.store:transact(function()
    return self.registry:forget_lost(name, kind)
  end)
end

--- Makes a run whose operations are to be added; see `tagua.ledger.run`.
-- @tparam table about `kind` (apply, tag, untag, retry, undo, expire, event, delete), `rules`, `rules_hash`,
--   `input`, `at`
function Connection:plan(about)
  if not run.kinds[about.kind] then
    error(("unknown kind of run '%s'"):format(tostring(about.kind)), 2)
  end
  local ok, message, code = self.ledger:fold()
  if not ok then
    return nil, message, code
  end
  return self.ledger.store:transact(function()
    planning.sweep(self.ledger)
    return run.plan(self.ledger, self, about)
  end)
end

--- Opens a run of this connection by its number.
function Connection:resume(number)
  local ok, message, code = self.ledger:fold()
  if not ok then
    return nil, message, code
  end
  return store.try(run.resume, self.ledger, self, number)
end

--- The tags on users that are past their time; see `tagua.ledger.times`.
-- @tparam[opt] integer at seconds since the epoch, now unless told
-- @tparam[opt=100] integer limit how many to name
-- @treturn {table,...}|nil `{ user, tag (its id), name }`
-- @treturn integer|string how many there are, or the message
-- @treturn string code
function Connection:due(at, limit)
  return folded(self, function(db)
    return store.try(times.due, db, self, at or self.ledger.now(), limit or 100)
  end)
end

--- What the mirror shows of a user and a tag; see `tagua.ledger.approved`.
function Connection:image(user, tag)
  return approved.image(self.ledger.store, self, user, tag)
end

--- The SHA-256 over who has which tag; see `tagua.ledger.approved`.
function Connection:fingerprint()
  return folded(self, function(db)
    return store.try(approved.fingerprint, db, self)
  end)
end

--- The run that carried an approved plan out; nil when there is none.
function Connection:carried_out(plan)
  return store.try(approved.carried_out, self.ledger.store, self, plan)
end

--- What was done and what it cost; see `tagua.ledger.spending`.
function Connection:spending(question)
  return folded(self, function(db)
    return store.try(spending.sums, db, self, question)
  end)
end

--- When the first run was made; nil when there was none.
function Connection:first_run()
  return store.try(spending.first, self.ledger.store, self)
end

--- Keeps a rule file, and what it includes, with the runs that go by it.
-- @tparam table file as `tagua.rules.ruleset` reads it
-- @treturn true|nil
function Connection:keep_rules(file)
  return self.ledger.store:transact(rulebook.keep, self.ledger.store, file)
end

--- The rules that the last apply of a rule file went by.
-- @tparam string rules the rule file as it was named
-- @treturn table|nil `run`, `created` (text, UTC), `hash`; nil alone where there was none
function Connection:last_rules(rules)
  return store.try(rulebook.last, self.ledger.store, self, rules)
end

--- A rule file that was kept.
-- @tparam string hash
-- @treturn table|nil { name, source, includes }; nil alone where it was not
function Connection:rule_text(hash)
  return store.try(rulebook.read, self.ledger.store, hash)
end

--- How many records the last apply of a rule file has read; nil when there was none.
function Connection:reading(rules)
  return store.try(readings.last, self.ledger.store, self, rules)
end

--- The tags that the last apply of a rule file was to put on and did not, with how many of each.
-- @treturn {[string]=integer}|nil by the tag's id
function Connection:undone(rules)
  return folded(self, function(db)
    return store.try(readings.undone, db, self, rules)
  end)
end

--- Notes how many records an apply of a rule file has read.
function Connection:note_reading(rules, records)
  return readings.note(self.ledger.store, self, rules, records, self.ledger.now())
end

--- The runs that wait for the sender, or are being sent, and whose processes live.
-- @treturn {table,...} `{ number, kind, state, process }`, the oldest first
function Connection:queued()
  return (queue.runs(self))
end

--- Says that this process sends for the connection.
function Connection:take_over()
  return queue.take_over(self)
end

--- The process that last said so: its id and when it started.
-- @treturn ?string
function Connection:sender()
  return queue.sender(self)
end

--- The last run that was begun and neither finished nor abandoned, ready to go on, unless a process
-- that lives wants it done; nil when there is none.
function Connection:cut_off()
  local _, numbers = queue.runs(self)
  local number = numbers[#numbers]
  if not number then
    return nil
  end
  return self:resume(number)
end

--- The last run that was begun and neither finished nor abandoned, ready to go on; nil when there is none.
function Connection:open_run()
  local db = self.ledger.store
  local number, message, code = store.try(function()
    return db:row(
      "select number from run where connection = ? and state in ('sending', 'interrupted', 'stopped') "
        .. "order by number desc limit 1",
      self.number
    )
  end)
  if not number then
    return nil, message, code
  end
  return self:resume(number)
end

return M
