-- Prints rows of measurements as a table: what, the target, the median with the least and the most, and
-- whether the median reaches the target. Reads "what TAB target TAB unit TAB values" lines.
--   lua5.4 bench/table.lua < ROWS
local function number(value)
  if value >= 1000 then return ("%.0f"):format(value) end
  return (value >= 10 and "%.1f" or "%.2f"):format(value)
end

local rows, width = {}, 4
for line in io.lines() do
  local what, target, unit, values = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$")
  local row = { what = what, target = target, unit = unit, values = {} }
  for value in values:gmatch("%S+") do row.values[#row.values + 1] = assert(tonumber(value), line) end
  table.sort(row.values)
  rows[#rows + 1] = row
  width = math.max(width, utf8.len(what))
end

local format = ("%%-%ds  %%12s  %%10s %%10s %%10s  %%s"):format(width)
if #rows > 1 then print(format:format("what", "target", "median", "min", "max", "")) end
for _, row in ipairs(rows) do
  local values = row.values
  if #values == 0 then
    print(format:format(row.what, row.target, "-", "", "", row.unit))
  else
    local middle = #values // 2
    local median = #values % 2 == 1 and values[middle + 1] or (values[middle] + values[middle + 1]) / 2
    local sign, bound = row.target:match("^([<>]=) (%S+)$")
    local reached = ""
    if sign then
      bound = tonumber(bound)
      reached = ((sign == ">=" and median >= bound) or (sign == "<=" and median <= bound)) and "reached" or "missed"
    end
    print(format:format(row.what, row.target, number(median), number(values[1]), number(values[#values]),
      row.unit .. (reached ~= "" and ", " .. reached or "")))
  end
end
