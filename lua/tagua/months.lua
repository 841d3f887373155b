--- The months of a zone's calendar, as stretches of time. Pure.
-- @module tagua.months
local M = {}

local MONTHS_MOST = 1200

--- The months from the one of `from` to the one of `to`, the latest first.
-- @tparam zone zone of core.zone
-- @tparam integer from seconds since the epoch
-- @tparam integer to
-- @treturn {table,...} `{ label = "2026-11", first = the moment it begins }`
function M.between(zone, from, to)
  local year, month = zone:format(from):match("^(%d+)-(%d+)")
  year, month = math.tointeger(tonumber(year)), math.tointeger(tonumber(month))
  local found = {}
  for _ = 1, MONTHS_MOST do
    local label = ("%04d-%02d"):format(year, month)
    local first = assert(zone:parse(label .. "-01"))
    if first > to then
      break
    end
    table.insert(found, 1, { label = label, first = first })
    month = month + 1
    if month > 12 then
      year, month = year + 1, 1
    end
  end
  return found
end

return M
