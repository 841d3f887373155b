--- Rows of a run that is being planned: kept until there are enough of them, then written in one transaction.
local store = require("tagua.ledger.store")

local M = {}

--- So many are written at once.
M.BATCH = 5000

--- Keeps a row for later; a full list of them is written at once.
-- @tparam table run
-- @tparam table rows the list
-- @param row
-- @tparam function write the method of the run that writes them
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function M.keep(run, rows, row, write)
  rows[#rows + 1] = row
  if #rows < M.BATCH then
    return true
  end
  local ok, message, code = write(run)
  if not ok then
    return run:spoil(message, code)
  end
  return true
end

-- Writes one row; one without a first value is left out.
local function put(insert, number, first, ...)
  if first ~= nil then
    store.must(insert:run(number, first, ...))
  end
end

--- Writes rows in one transaction.
-- @tparam table run
-- @tparam table rows
-- @tparam string text the statement; the run's number comes first
-- @tparam function values gives what a row has beside it, or nothing for one that is not to be written
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function M.write(run, rows, text, values)
  if #rows == 0 then
    return true
  end
  local ok, message, code = run.db:transact(function()
    local insert = run.db:prepare(text)
    for _, row in ipairs(rows) do
      put(insert, run.number, values(row))
    end
    return true
  end)
  if not ok then
    run.connection.registry.numbers, run.rules = {}, {} -- what was numbered inside is undone
  end
  return ok, message, code
end

return M
