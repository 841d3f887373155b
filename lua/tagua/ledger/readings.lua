--- How many records the last apply of a rule file has read on a connection: what a plan is measured
-- against when its input is suspiciously short.
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
