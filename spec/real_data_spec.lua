local apply = require("spec.support.apply")
local count = require("spec.support.count")
local support = require("spec.support")

local DATA = "../shared/data/"

-- The path of a public data set, or nil where this machine does not have it: the spec is then skipped.
local function data(name)
  local file = io.open(DATA .. name, "rb")
  if file then file:close() end
  return file and DATA .. name
end

describe("the customers of a shop", function()
  it("are tagged as SQL counts them", function()
    local csv = data("customer_personality.csv")
    if not csv then
      pending("../shared/data/customer_personality.csv is not here")
      return
    end
    local folder = apply.folder()
    finally(folder.remove)
    local command = ("%%s '%s/examples/customers/rules.lua' --users '%s/%s' --id-column ID"):format(
      folder.root, folder.root, csv)
    local code, out, err = folder.run(command:format("apply") .. " --yes")
    assert.equal(0, code, err)
    assert.matches("2,240 read = 2,216 decided + 24 unknown + 0 failed + 0 rejected", out, 1, true)

    local wanted = count.table(csv, [[
      WITH c AS (SELECT CAST(Spent AS INTEGER) AS spent, CAST(nullif(Income, '') AS INTEGER) AS income,
        CAST(Recency AS INTEGER) AS idle, Kidhome + Teenhome AS children, CAST(NumWebPurchases AS INTEGER) AS web,
        NumStorePurchases + NumCatalogPurchases AS elsewhere,
        substr(Dt_Customer, 7, 4) || substr(Dt_Customer, 4, 2) || substr(Dt_Customer, 1, 2) AS joined FROM input)
      SELECT 'Top spender', sum(spent >= 1500) FROM c
      UNION ALL SELECT 'High spender', sum(spent BETWEEN 1000 AND 1499) FROM c
      UNION ALL SELECT 'Middle spender', sum(spent BETWEEN 400 AND 999) FROM c
      UNION ALL SELECT 'Low spender', sum(spent < 400) FROM c
      UNION ALL SELECT 'Lapsed', sum(idle > 75) FROM c
      UNION ALL SELECT 'Early customer', sum(joined < '20130101') FROM c
      UNION ALL SELECT 'Family', sum(children > 0) FROM c
      UNION ALL SELECT 'Affluent', sum(income >= 75000) FROM c WHERE income IS NOT NULL
      UNION ALL SELECT 'Web shopper', sum(web > elsewhere) FROM c;
    ]])
    assert.same(wanted, folder.counts())

    local again
    code, again = folder.run(command:format("plan"))
    assert.equal(0, code)
    assert.matches("nothing to do", again, 1, true)
  end)
end)

describe("the customers behind a list of orders", function()
  it("are scored as SQL counts them", function()
    local orders = data("cdnow_orders.txt")
    if not orders then
      pending("../shared/data/cdnow_orders.txt is not here")
      return
    end
    local folder = apply.folder()
    finally(folder.remove)
    -- Under sanitizers a part of the orders will do.
    local part = support.sanitized and "head -n 10000" or "cat"
    assert.equal(0, (support.shell(("%s '%s' >'%s/orders.txt'"):format(part, orders, folder.path))))
    local code, out, err = folder.run(("apply '%s/examples/rfm/rules.lua' --users - --format csv --yes"):format(folder.root),
      ("lua5.4 '%s/examples/rfm/records.lua' 2022-07-01 <orders.txt |\n"):format(folder.root))
    assert.equal(0, code, err)
    assert.matches("0 failed + 0 rejected", out, 1, true)

    -- The orders as CSV for SQL, made without the example: columns by their positions.
    assert.equal(0, (support.shell(("cd '%s' && { echo id,day,units,amount; "
      .. [[sed 's/\r//; s/^ *\([^ ]*\)  *\([^ ]*\)  *\([^ ]*\)  *\([^ ]*\)$/\1,\2,\3,\4/' orders.txt; } >orders.csv]])
      :format(folder.path))))
    local wanted = count.table(folder.path .. "/orders.csv", [[
      WITH c AS (SELECT count(*) AS n, round(sum(amount), 2) AS spent, julianday('2022-07-01')
          - julianday(substr(max(day), 1, 4) || '-' || substr(max(day), 5, 2) || '-' || substr(max(day), 7, 2)) AS idle
        FROM input GROUP BY id)
      SELECT 'R5', sum(idle <= 60) FROM c
      UNION ALL SELECT 'R4', sum(idle > 60 AND idle <= 150) FROM c
      UNION ALL SELECT 'R3', sum(idle > 150 AND idle <= 365) FROM c
      UNION ALL SELECT 'F5', sum(n >= 6) FROM c
      UNION ALL SELECT 'F4', sum(n IN (4, 5)) FROM c
      UNION ALL SELECT 'F3', sum(n = 3) FROM c
      UNION ALL SELECT 'M5', sum(spent >= 240) FROM c
      UNION ALL SELECT 'M4', sum(spent >= 130 AND spent < 240) FROM c
      UNION ALL SELECT 'M3', sum(spent >= 60 AND spent < 130) FROM c
      UNION ALL SELECT 'Champion', sum(idle <= 60 AND n >= 6 AND spent >= 240) FROM c
      UNION ALL SELECT 'Win back', sum(idle > 150 AND n >= 3 AND spent >= 130) FROM c;
    ]])
    assert.same(wanted, folder.counts())
  end)
end)
