-- Which fields each rule may read, by its code: what the ledger keeps of a record for an operation.
local rules = require("spec.support.rules")

local HEAD = [[
fields { orders = integer, spend = number, city = text, last = date, tags = tagset }
]]

describe("the fields that a rule may read", function()
  local pool
  setup(function() pool = rules.pool() end)
  teardown(function() pool:close() end)

  local function reads(source)
    assert(pool:load({ name = "rules.lua", source = HEAD .. source }))
    local found = assert(pool:reads())
    for i, names in ipairs(found) do found[i] = table.concat(names, " ") end
    return found
  end

  it("are those that it names, for each rule of the file", function()
    assert.same({ "orders spend", "city", "" }, reads([[
      tag "VIP" { when = function(user) return user.orders >= 10 or user.spend > 1 end }
      tag "North" { when = function(user) return has(user, "city") and user.city == "Taipei" end }
      tag "All" { when = function() return true end }
    ]]))
  end)

  it("are those of all members of a one_of", function()
    assert.same({ "city orders" }, reads([[
      one_of "Tier" { { "Gold", function(user) return user.orders > 5 end },
        { "Silver", function(user) return user.city == "x" end }, { "Bronze", otherwise } }
    ]]))
  end)

  it("are also those of the functions that it calls, in variables, tables and globals", function()
    assert.same({ "spend", "last", "tags", "" }, reads([[
      local function rich(u) return u.spend > 3 end
      local helpers = { old = function(u) return days_since(u.last) > 9 end }
      function marked(person) return person.tags["VIP"] ~= nil end
      tag "A" { when = function(user) return rich(user) end }
      tag "B" { when = function(user) return helpers.old(user) end }
      tag "C" { when = function(user) return marked(user) end }
      tag "D" { when = function() return false end }
    ]]))
  end)

  it("are all, where a name is worked out, but not where another table is looked into", function()
    assert.same({ "city last orders spend tags", "city last orders spend tags", "city", "tags" }, reads([[
      local names = { "orders", "spend" }
      local function sum(u) local n = 0 for _, name in ipairs(names) do n = n + u[name] end return n end
      local region = { Taipei = "north" }
      tag "A" { when = function(user) local name = "ord" .. "ers" return user[name] > 1 end }
      tag "B" { when = function(user) return sum(user) > 1 end }
      tag "C" { when = function(user) return region[user.city] == "north" end }
      tag "D" { when = function(user) return user.tags["x" .. 1] ~= nil end }
    ]]))
  end)
end)
