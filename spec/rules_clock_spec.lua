-- How often time alone may change what rules decide, by what their functions can reach.
local rules = require("spec.support.rules")

describe("the clock that rules read", function()
  local pool
  setup(function() pool = rules.pool() end)
  teardown(function() pool:close() end)

  local function clock(source)
    assert(pool:load({ name = "rules.lua", source = "fields { n = integer, last = date }\n" .. source }))
    return assert(pool:clock()).every
  end

  it("is none where no rule asks for a moment", function()
    assert.is_nil(clock('tag "A" { when = function(user) return user.n > 0 end }'))
    assert.is_nil(clock([[
      local function unused(user) return days_since(user.last) end
      tag "A" { when = function(user) return user.last > time "2026-01-01" end }
    ]]))
  end)

  it("turns with the day where a rule counts days", function()
    assert.equal("day", clock('tag "A" { when = function(user) return days_since(user.last) > 90 end }'))
    assert.equal("day", clock('tag "A" { when = function(user) return user.last >= today() end }'))
  end)

  it("turns with the hour where a rule counts hours, or asks for the moment", function()
    assert.equal("hour", clock('tag "A" { when = function(user) return hours_since(user.last) > 9 end }'))
    assert.equal("hour", clock([[
      tag "A" { when = function(user) return days_since(user.last) > 1 end }
      tag "B" { when = function(user) return now() > user.last end }
    ]]))
  end)

  it("is found in functions that a rule calls, and under another name", function()
    assert.equal("day", clock([[
      local since = days_since
      local helpers = { old = function(user) return since(user.last) > 9 end }
      tag "A" { when = function(user) return helpers.old(user) end }
    ]]))
    assert.equal("hour", clock([[
      one_of "Tier" { { "New", function(user) return hours_since(user.last) < 1 end }, { "Old", otherwise } }
    ]]))
  end)
end)
