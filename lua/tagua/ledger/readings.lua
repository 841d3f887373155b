--- What the last apply of a rule file on a connection was: how many records it read, and what it was to
-- put on and did not. Guards measure a plan against it.
local store = require("tagua.ledger.store")

local M = {}

--- The last reading.
-- @tparam table db the store
-- @tparam table connection
-- @tparam string rules the rule file as it was named
-- @treturn integer|nil how many records; nil when there was none
function M.last(db, connection, rules)
  local text = "select records from reading where connection = ? and rules = ?"
  return db:row(text, connection.number, store.cap(rules, 4096))
end

-- The last apply that was agreed to, where it did not do all of it.
local UNDONE = [[
  with last as (
    select number, state, failed, skipped from run
    where connection = ?1 and rules = ?2 and kind = 'apply' and state not in ('planning', 'ready', 'queued')
    order by number desc limit 1)
  select t.id, count(*)
  from last l join operation o on o.run = l.number join tag t on t.number = o.tag
  where t.id is not null and (l.state <> 'done' or l.failed > 0 or l.skipped > 0) and o.action = 'tag'
    and coalesce(o.outcome, '') not in ('done', 'unattributed', 'stands')
  group by t.number]]

--- The tags that the last apply was to put on and did not: it was cut off, or they failed.
-- @tparam table db the store, folded
-- @tparam table connection
-- @tparam string rules
-- @treturn {[string]=integer} by the tag's id; one that was never created has no holders to compare with
function M.undone(db, connection, rules)
  local found = {}
  for id, count in db:rows(UNDONE, connection.number, store.cap(rules, 4096)) do
    found[id] = count
  end
  return found
end

--- Notes a reading.
-- @tparam table db the store
-- @tparam table connection
-- @tparam string rules
-- @tparam integer records
-- @tparam integer at seconds since the epoch
function M.note(db, connection, rules, records, at)
  return db:transact(function()
    db:run(
      "insert into reading (connection, rules, records, at) values (?, ?, ?, ?) on conflict (connection, rules) "
        .. "do update set records = excluded.records, at = excluded.at",
      connection.number,
      store.cap(rules, 4096),
      records,
      at
    )
    return true
  end)
end

return M
