--- The rule files that runs went by, kept so that a plan can tell what an edit of them changes.
local store = require("tagua.ledger.store")

local M = {}

--- Keeps a rule file; one that is kept already stays as it is.
-- @tparam table db the store, in a transaction
-- @tparam table file `hash`, `name`, `source`, `includes` { [pattern] = { { name, source }, ... } }
-- @treturn true
function M.keep(db, file)
  local insert = "insert or ignore into rule_text (hash, pattern, position, name, source) values (?, ?, ?, ?, ?)"
  db:run(insert, file.hash, "", 1, file.name, file.source)
  for pattern, parts in pairs(file.includes or {}) do
    for i, part in ipairs(parts) do
      db:run(insert, file.hash, pattern, i, part.name, part.source)
    end
  end
  return true
end

--- The last apply of a rule file that was accepted.
-- @tparam table db the store
-- @tparam table connection
-- @tparam string rules the rule file as it was named
-- @treturn table|nil `run`, `created`, `hash`
function M.last(db, connection, rules)
  local run, created, hash = db:row(
    "select number, datetime(created, 'unixepoch'), rules_hash from run where connection = ? and kind = 'apply' "
      .. "and rules = ? and rules_hash is not null and state not in ('planning', 'ready', 'abandoned') "
      .. "order by number desc limit 1",
    connection.number,
    store.cap(rules, 4096)
  )
  return run and { run = run, created = created, hash = hash }
end

--- A rule file that was kept.
-- @tparam table db the store
-- @tparam string hash
-- @treturn table|nil `name`, `source`, `includes`
function M.read(db, hash)
  local file = { includes = {} }
  for pattern, name, source in
    db:rows("select pattern, name, source from rule_text where hash = ? order by pattern, position", hash)
  do
    if pattern == "" then
      file.name, file.source = name, source
    else
      local parts = file.includes[pattern] or {}
      file.includes[pattern] = parts
      parts[#parts + 1] = { name = name, source = source }
    end
  end
  return file.source and file or nil
end

return M
