--- What `tagua serve` keeps beside the ledger, and what it is called. Pure.
-- @module tagua.serve.files
local M = {}

--- The files that belong to a ledger: `tagua.db` has `tagua-events.db` beside it.
-- @tparam string ledger its path
-- @tparam[opt] string connection
-- @treturn table `inbox`; `socket`, unless connections.lua names another; `lock`: who serves; `keeper`: who follows
--   the connection's events
function M.of(ledger, connection)
  local base = ledger:gsub("%.db$", "")
  return { inbox = base .. "-events.db", socket = base .. ".sock", lock = base .. "-serve.lock",
    keeper = connection and ("%s-keeper-%s.lock"):format(base, connection) }
end

return M
