local bytecode = require("tagua.rules.bytecode")

describe("what a function assigns", function()
  local a, b = 1, 2

  it("is found in the function itself", function()
    assert.same({ [1] = true }, bytecode.assigned(function() a = 3 end))
    assert.same({ [2] = true }, bytecode.assigned(function() local x = a b = x end))
  end)

  it("is found in functions inside of it", function()
    assert.same({ [1] = true }, bytecode.assigned(function() return function() return function() a = 4 end end end))
  end)

  it("is not what it only reads, or what is its own", function()
    assert.same({}, bytecode.assigned(function() return a + b end))
    assert.same({}, bytecode.assigned(function() local n = a return function() n = n + 1 return n end end))
  end)

  it("is found behind constants of every kind", function()
    assert.same({ [1] = true }, bytecode.assigned(function(x)
      local t = { 1.5, "short", ("x"):rep(2), 1 << 40, true, false, nil, 3 }
      local long = "a text that is longer than the forty bytes that Lua keeps in one place"
      if x then return t, long, -7.25, 123456789012 end
      for i = 1, 10 do t[i] = i end
      a = 5
      return t
    end))
  end)
end)
