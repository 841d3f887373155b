--- Plans that come from a run of before: its reverse, and another try at what failed. Written in bulk
-- inside the ledger; the run that gets the operations is being planned.
local store = require("tagua.ledger.store")

local M = {}

-- The columns of both; what was there before is what the mirror says now.
local INSERT = "insert into operation (run, seq, user, tag, action, rule, input_line, before) "

-- An operation is taken back when it did something (the tag was not as wanted before), when it is known
-- that it was Tagua that did it, and when the mirror still shows what it left: nobody touched it since.
local UNDO_OF = [[
  from operation o join holding h on h.connection = ?2 and h.user = o.user and h.tag = o.tag
  where o.run = ?1 and o.outcome = 'done' and (?3 is null or o.tag = ?3)
    and h.run = o.run and h.ours = 1 and h.doubt = 0 and h.present = (o.action = 'tag')
    and (o.before >= 1) = (o.action = 'untag')]]
local UNDO = INSERT
  .. [[select ?4, row_number() over (order by o.seq desc), o.user, o.tag,
    case o.action when 'tag' then 'untag' else 'tag' end, null, null,
    case h.present when 1 then coalesce(h.timestamp, 1) else 0 end]]
  .. UNDO_OF

-- Tried again: what failed, unless it came to be as wanted since, or nobody knows how it is.
local RETRY_OF = [[
  from operation o left join holding h on h.connection = ?2 and h.user = o.user and h.tag = o.tag
  where o.run = ?1 and o.outcome = 'failed'
    and (h.tag is null or h.doubt = 0 and h.present <> (o.action = 'tag'))]]
local RETRY = INSERT
  .. [[select ?3, row_number() over (order by o.seq), o.user, o.tag, o.action, o.rule, o.input_line,
    case when h.tag is null then o.before when h.present = 1 then coalesce(h.timestamp, 1) else 0 end]]
  .. RETRY_OF

local function counted(db, number)
  return db:row("select count(*) from operation where run = ?", number)
end

--- Writes the reverse of what a run did.
-- @tparam table run being planned
-- @tparam integer source the run of before
-- @tparam ?integer tag the number of a tag, for this one alone
-- @treturn table `planned`, and what is left out of what took effect: `unattributed` (perhaps somebody
--   else did it) and `touched` (somebody has touched it since, or it changed nothing)
function M.undo(run, source, tag)
  local db = run.db
  db:run(UNDO, source, run.connection.number, tag, run.number)
  local planned = counted(db, run.number)
  local done, unattributed = db:row(
    "select coalesce(sum(outcome = 'done'), 0), coalesce(sum(outcome = 'unattributed'), 0) from operation "
      .. "where run = ?1 and (?2 is null or tag = ?2)",
    source,
    tag
  )
  return { planned = planned, unattributed = unattributed, touched = done - planned }
end

--- Writes what failed in a run once more, with its reasons.
-- @treturn table `planned`, and what is left out: `ambiguous` (for a person to look at), `settled` (as
--   wanted since, or not known)
function M.retry(run, source)
  local db = run.db
  db:run(RETRY, source, run.connection.number, run.number)
  local planned = counted(db, run.number)
  db:run(
    "insert into record (run, line, rule, fields) select ?2, line, rule, fields from record where run = ?1 "
      .. "and (line, rule) in (select input_line, rule from operation where run = ?2)",
    source,
    run.number
  )
  db:run(
    "update run set (rules, rules_hash, input, input_hash) = "
      .. "(select rules, rules_hash, input, input_hash from run where number = ?1) where number = ?2",
    source,
    run.number
  )
  local failed, ambiguous = db:row(
    "select coalesce(sum(outcome = 'failed'), 0), coalesce(sum(outcome = 'ambiguous'), 0) from operation where run = ?",
    source
  )
  return { planned = planned, ambiguous = ambiguous, settled = failed - planned }
end

--- What a run will do, for a report: tag by tag.
-- @treturn {table,...} `{ name, folder, id, on, off, on_users, off_users }`, a few users each
function M.summary(run)
  local db, tags, by_number = run.db, {}, {}
  for number, name, id, folder, action, count in
    db:rows(
      "select t.number, t.name, t.id, f.name, o.action, count(*) from operation o "
        .. "join tag t on t.number = o.tag left join tag f on f.number = t.folder "
        .. "where o.run = ? group by t.number, o.action order by t.name, t.number",
      run.number
    )
  do
    local entry = by_number[number]
    if not entry then
      entry = { name = name, id = id, folder = folder, on = 0, off = 0, on_users = {}, off_users = {} }
      by_number[number], tags[#tags + 1] = entry, entry
    end
    local direction = action == "tag" and "on" or "off"
    entry[direction] = count
    for user in
      db:rows(
        "select user from operation where run = ? and tag = ? and action = ? order by seq limit 3",
        run.number,
        number,
        action
      )
    do
      table.insert(entry[direction .. "_users"], user)
    end
  end
  return tags
end

--- The run of before, or a failure that says what is wrong with it.
-- @treturn integer its number
function M.check(db, connection, number)
  local state = db:row("select state from run where number = ? and connection = ?", number, connection.number)
  if not state or state == "planning" or state == "ready" then
    store.fail("ELEDGER", "the ledger has no run %d of connection '%s'", number, connection.name)
  elseif state == "queued" or state == "sending" then
    store.fail("ELOCKED", "run %d is not over yet: wait until it is done, or settle it with the next apply", number)
  end
  return number
end

return M
