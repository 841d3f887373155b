--- What `tagua serve` keeps beside the ledger, and what it is called. Pure.
-- @module tagua.serve.files
local M = {}

--- The files that belong to a ledger: `tagua.db` has `tagua-events.db` beside it.
-- @tparam string ledger its path
-- @treturn table `inbox`; `socket`, unless connections.lua names another; `lock`: who serves
function M.of(ledger)
  local base = ledger:gsub("%.db$", "")
  return { inbox = base .. "-events.db", socket = base .. ".sock", lock = base .. "-serve.lock" }
end

return M
