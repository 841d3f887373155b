--- Counts made independently of tagua, by the sqlite3 command over the same input.
local support = require("spec.support")

local M = {}

--- Runs SQL in a new database over a CSV file that is imported as the table `input`.
-- @tparam string csv path; a byte-order mark is dropped
-- @tparam string sql one statement
-- @treturn {string,...} the lines of the answer, columns apart by tabs
function M.rows(csv, sql)
  local folder, remove = support.folder()
  local plain = support.write(folder .. "/input.csv", (support.read(csv):gsub("^\u{FEFF}", "")))
  support.write(folder .. "/script", table.concat({
    ".import --csv " .. plain .. " input", ".mode list", ".separator \"\\t\"", sql, "",
  }, "\n"))
  local code, out, err = support.shell(("sqlite3 -batch -bail :memory: <%s/script"):format(folder))
  remove()
  assert(code == 0, err)
  local rows = {}
  for line in out:gmatch("[^\n]+") do rows[#rows + 1] = line end
  return rows
end

--- Runs SQL that gives rows of a name and a number.
-- @tparam string csv
-- @tparam string sql
-- @treturn table name -> number; names that count nothing are left out
function M.table(csv, sql)
  local counts = {}
  for _, row in ipairs(M.rows(csv, sql)) do
    local name, number = row:match("^(.-)\t(%d+)$")
    if tonumber(number) > 0 then counts[name] = math.tointeger(number) end
  end
  return counts
end

return M
