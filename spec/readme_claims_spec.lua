-- What the README says of trouble is said by a spec, too: each claim links to one by its name.
local support = require("spec.support")

local HEADING = "## What happens when it goes wrong\n"

local function section()
  local text = support.read("README.md")
  local first = assert(select(2, text:find(HEADING, 1, true)), "the README has no section " .. HEADING)
  return text:sub(first + 1, (text:find("\n## ", first, true) or 0) - 1)
end

-- The names of a file's specs.
local function names(path)
  local found = {}
  for name in support.read(path):gmatch('%f[%a]it%("([^\n]-)", function') do
    found[name] = true
  end
  return found
end

describe("what the README says of trouble", function()
  it("names a spec for each claim", function()
    local items = 0
    for item in section():gmatch("%f[^\n]%- ([^\n]+)") do
      items = items + 1
      assert.matches('%[spec%]%(spec/[%w_]+%.lua ".-"%)', item)
    end
    assert.is_true(items >= 20, "only " .. items .. " claims were found")
  end)

  it("names specs that are there", function()
    for path, name in section():gmatch('%[spec%]%((spec/[%w_]+%.lua) "(.-)"%)') do
      assert.is_true(names(path)[name] == true, ("%s has no spec '%s'"):format(path, name))
    end
  end)
end)
