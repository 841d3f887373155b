local support = require("spec.support")
local shop = require("spec.support.shop")

-- The demo in a build folder of its own, which has nothing but the command.
local function demo()
  local folder, remove = support.folder()
  assert.equal(0, (support.shell(("ln -s '%s/tagua' '%s/tagua'"):format(support.build, folder))))
  local code, out, err = support.shell(("BUILD='%s' examples/demo.sh"):format(folder))
  assert.equal(0, code, err .. out)
  return out, folder .. "/demo", remove
end

-- The part of the output that follows the n-th command line.
local function after(out, n)
  local at = 0
  for _ = 1, n do at = assert(out:find("\n%$ tagua", at + 1)) end
  return out:sub(at, (out:find("\n\n# ", at) or 0) - 1)
end

local function number(text)
  return math.tointeger(tonumber((text:gsub(",", ""))))
end

describe("the demo", function()
  local out, folder, remove

  setup(function() out, folder, remove = demo() end)
  teardown(function() remove() end)

  it("plans, applies, finds nothing to do, then sends only what a week has changed", function()
    local before, later = shop.pairs("examples/shop/users.csv"), shop.pairs(folder .. "/a-week-later.csv")
    local wanted, on, off = 0, 0, 0
    for pair in pairs(before) do
      wanted = wanted + 1
      off = off + (later[pair] and 0 or 1)
    end
    for pair in pairs(later) do on = on + (before[pair] and 0 or 1) end

    local planned = after(out, 1)
    assert.equal(wanted, number(planned:match("([%d,]+) operations = ")))
    local first = after(out, 2)
    assert.equal(wanted, number(first:match("([%d,]+) planned = ")))
    assert.equal(wanted, number(first:match("= ([%d,]+) done %+ 0 failed %+ 0 skipped %+ 0 left")))
    assert.matches("nothing to do", after(out, 3), 1, true)
    local last = after(out, 4)
    assert.equal(on + off, number(last:match("= ([%d,]+) done %+ 0 failed %+ 0 skipped %+ 0 left")))
    local manta, all = after(out, 5), 0
    for _ in pairs(later) do all = all + 1 end
    assert.matches("MantaGo has no folders", manta, 1, true)
    assert.equal(all, number(manta:match("= ([%d,]+) done %+ 0 failed %+ 0 skipped %+ 0 left")))
  end)

  it("ends with three commands, and they work", function()
    local commands = out:match("# to try next:\n(.*)$")
    local n = 0
    for command in commands:gmatch("[^\n]+") do
      n = n + 1
      local code, said, err = support.shell((command:gsub("^build/tagua", support.tagua)))
      assert.equal(0, code, command .. ": " .. err)
      assert.not_equal("", said)
    end
    assert.equal(3, n)
  end)
end)
