local shop = require("spec.support.shop")
local support = require("spec.support")

-- Runs a script of examples/ in plain Lua, which they are written for.
local function generate(arguments)
  local code, out, err = support.shell("lua5.4 examples/shop/generate.lua " .. arguments)
  assert.equal(0, code, err)
  return out
end

describe("examples/shop", function()
  it("has users that its generator makes again, byte by byte", function()
    assert.is_true(generate("") == support.read("examples/shop/users.csv"))
  end)

  it("has what exports have: a byte-order mark, CRLF, quoted commas and line ends, gaps, misfits", function()
    local text = support.read("examples/shop/users.csv")
    assert.equal("\u{FEFF}id,", text:sub(1, 6))
    assert.is_true(select(2, text:gsub("\r\nU%x+", "")) >= 5000)
    assert.matches('"[^"\r]*,[^"\r]*\n', text)
    assert.matches('""', text, 1, true)
    assert.matches(",,", text, 1, true)
    assert.matches('"NT%$%d+,%d+"', text)
  end)

  it("changes for some users in a week, and has new ones", function()
    local before, after = generate(""), generate("later")
    local known, same, changed, new = {}, 0, 0, 0
    for id, rest in before:gmatch("\n(U%x+)(,[^\n]*)") do known[id] = rest end
    for id, rest in after:gmatch("\n(U%x+)(,[^\n]*)") do
      if not known[id] then
        new = new + 1
      elseif known[id] == rest then
        same = same + 1
      else
        changed = changed + 1
      end
    end
    assert.equal(60, new)
    assert.is_true(changed >= 200 and changed <= 500)
    assert.is_true(same > 4500)
  end)

  it("wants every one of its tags for somebody", function()
    local counts = shop.counts("examples/shop/users.csv")
    for _, tag in ipairs({ "VIP", "Gold", "Silver", "Bronze", "Dormant", "Returning buyer", "North", "South" }) do
      assert.is_true((counts[tag] or 0) > 0, tag)
    end
  end)
end)

describe("examples/rfm/records.lua", function()
  local function records(orders)
    local folder, remove = support.folder()
    finally(remove)
    support.write(folder .. "/orders", orders)
    return support.shell("lua5.4 examples/rfm/records.lua 2022-07-01 <" .. folder .. "/orders")
  end

  it("makes one record a customer, whatever the order of the lines", function()
    local code, out = records(" 00002 20220628  5   77.00\r\n 00001 20210101  1   11.77\r\n"
      .. " 00002 20220630  1   12.10\r\n")
    assert.equal(0, code)
    assert.equal("id,last_order,recency,orders,units,spent\n"
      .. "00002,2022-06-30,1,2,6,89.10\n00001,2021-01-01,546,1,1,11.77\n", out)
  end)

  it("names the line that is no order, and goes on", function()
    local code, out, err = records(" 00001 20210101  1   11.77\nsomething else\n")
    assert.equal(0, code)
    assert.matches("^line 2 is not an order and is left out: something else\n", err)
    assert.matches("00001,2021-01-01,546,1,1,11.77", out, 1, true)
  end)
end)
