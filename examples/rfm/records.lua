-- Turns orders into one record a customer, as CSV on standard output:
--   lua5.4 examples/rfm/records.lua 2022-07-01 < cdnow_orders.txt > customers.csv
-- The day is the one that recency is counted to: the day after the last order that the data can hold.
-- An order is a line of customer, yyyymmdd, units and amount, apart by blanks. Reads line by line and
-- keeps one small table a customer, so a file of any length will do; the lines may come in any order.
-- Noon, so that a change of the clocks does not move the day.
local function noon(date)
  local year, month, day = date:match("^(%d%d%d%d)-(%d%d)-(%d%d)$")
  return year and os.time({ year = year, month = month, day = day, hour = 12 })
end

local until_day = arg[1] and noon(arg[1])
if not until_day then
  io.stderr:write("usage: lua5.4 records.lua YYYY-MM-DD < ORDERS > RECORDS\n")
  os.exit(2)
end

local customers, order_of_appearance = {}, {}

local number = 0
for line in io.lines() do
  number = number + 1
  local id, year, month, day, units, amount = line:match("^%s*(%S+)%s+(%d%d%d%d)(%d%d)(%d%d)%s+(%d+)%s+(%d+%.?%d*)%s*$")
  if id then
    local customer = customers[id]
    if not customer then
      customer = { last = "", orders = 0, units = 0, cents = 0 }
      customers[id] = customer
      order_of_appearance[#order_of_appearance + 1] = id
    end
    local date = ("%s-%s-%s"):format(year, month, day)
    if date > customer.last then customer.last = date end
    customer.orders = customer.orders + 1
    customer.units = customer.units + math.tointeger(units)
    customer.cents = customer.cents + math.floor(tonumber(amount) * 100 + 0.5) -- whole cents add up exactly
  elseif line:find("%S") then
    io.stderr:write(("line %d is not an order and is left out: %s\n"):format(number, line:sub(1, 60)))
  end
end

io.write("id,last_order,recency,orders,units,spent\n")
for _, id in ipairs(order_of_appearance) do
  local customer = customers[id]
  local recency = (until_day - noon(customer.last) + 43200) // 86400
  io.write(("%s,%s,%d,%d,%d,%d.%02d\n"):format(id, customer.last, recency, customer.orders, customer.units,
    customer.cents // 100, customer.cents % 100))
end
