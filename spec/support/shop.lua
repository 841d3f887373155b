--- What examples/shop/rules.lua wants of a CSV file, said again in SQL.
local count = require("spec.support.count")

local M = {}

-- One row for each user and tag that should be there. A field that is missing or does not fit decides nothing.
local WANTED = [[
  WITH shop AS (
    SELECT id, "城市" AS city, "電子報" = 'TRUE' AS newsletter,
      CAST("訂單數" AS INTEGER) AS orders,
      CASE WHEN "累計消費" <> '' AND "累計消費" NOT GLOB '*[^0-9]*' THEN CAST("累計消費" AS INTEGER) END AS spend,
      julianday('now', '+8 hours', 'start of day') - julianday(nullif("最後購買日", '')) AS idle,
      julianday('now', '+8 hours', 'start of day')
        - julianday((1911 + substr("入會日", 1, 3)) || '-' || substr("入會日", 5, 2) || '-' || substr("入會日", 8, 2)) AS age
    FROM input
  )
  SELECT id, 'VIP' AS tag FROM shop WHERE orders >= 10 OR spend >= 30000
  UNION ALL SELECT id, CASE WHEN spend >= 20000 THEN 'Gold' WHEN spend >= 5000 THEN 'Silver' ELSE 'Bronze' END
    FROM shop WHERE spend IS NOT NULL
  UNION ALL SELECT id, 'Dormant' FROM shop WHERE orders > 0 AND idle > 180
  UNION ALL SELECT id, 'Newcomer' FROM shop WHERE orders <= 1 AND age <= 30
  UNION ALL SELECT id, 'Returning buyer' FROM shop WHERE orders >= 2
  UNION ALL SELECT id, 'North' FROM shop WHERE newsletter AND city IN ('台北', '新北', '桃園', '新竹')
  UNION ALL SELECT id, 'South' FROM shop WHERE newsletter AND city IN ('嘉義', '台南', '高雄', '屏東')
]]

--- How many users should have each tag.
-- @tparam string csv path
-- @treturn table tag -> number
function M.counts(csv)
  return count.table(csv, ("SELECT tag, count(*) FROM (%s) GROUP BY tag;"):format(WANTED))
end

--- Which users should have which tag.
-- @tparam string csv path
-- @treturn table "user tag" -> true
function M.pairs(csv)
  local set = {}
  for _, row in ipairs(count.rows(csv, ("SELECT id || ' ' || tag FROM (%s);"):format(WANTED))) do set[row] = true end
  return set
end

return M
