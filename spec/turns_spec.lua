local turns = require("tagua.turns")

describe("whose turn it is", function()
  local function operation(user, number) return { user = user, number = number } end

  it("lets one operation of a user go at a time, in order, and others past them", function()
    local t = turns.new()
    local first, second, third = operation("a", 1), operation("a", 2), operation("a", 3)
    assert.is_true(t:enter(first))
    assert.is_false(t:enter(second))
    assert.is_false(t:enter(third))
    assert.is_true(t:enter(operation("b", 1)))
    assert.equal(second, t:leave(first))
    assert.equal(third, t:leave(second))
    assert.is_nil(t:leave(third))
    assert.is_true(t:enter(operation("a", 4)))
  end)

  it("remembers who is unknown to the platform, and keeps nobody else", function()
    local t = turns.new()
    local one = operation("a")
    t:enter(one)
    t:leave(one, "no such member")
    assert.equal("no such member", t:unknown("a"))
    assert.is_nil(t:unknown("b"))
    for i = 1, 100 do
      local other = operation("u" .. i)
      t:enter(other)
      t:leave(other)
    end
    assert.is_nil(next(t.under_way))
  end)
end)
