local rules = require("spec.support.rules")

-- Whether a rule over what a file declares in front of it returns true.
local function holds(front, expression)
  local source = ("%s\ntag \"T\" { when = function(user) return %s end }"):format(front, expression)
  local wants, block = rules.want(source, "")
  assert(wants.T == true, block.failures[1] and block.failures[1].message or "it was " .. tostring(wants.T))
end

describe("tables of a rule file", function()
  it("are read as ever", function()
    holds("local t = { 'a', 'b', k = { 1 } }", "t[1] == 'a' and t.k[1] == 1 and t.x == nil and #t == 2")
  end)

  it("are walked as ever", function()
    holds("local t = { 10, 20, k = 30 } local function sum() local s = 0 for _, v in pairs(t) do s = s + v end "
      .. "return s end", "sum() == 60")
    holds("local t = { 10, 20 } local function sum() local s = 0 for i, v in ipairs(t) do s = s + i * v end "
      .. "return s end", "sum() == 50")
    holds("local t = { 10 }", "next(t) == 1 and select(2, next(t)) == 10 and next(t, 1) == nil and next({}) == nil")
  end)

  it("are handed to the table library as ever", function()
    holds("local t = { 'a', 'b' }", "table.concat(t, '-') == 'a-b' and select('#', table.unpack(t)) == 2")
    holds("local t = { 3, 1 }", "table.move(t, 1, 2, 1, {})[2] == 1")
  end)

  it("are the same table wherever they are reached from", function()
    holds("local a = {} local b = { a = a } g = a", "b.a == a and g == a")
    holds("local a = {} local names = { [a] = 'a' }", "names[a] == 'a'")
    holds("local a = {} a.a = a", "a.a.a == a")
  end)

  it("keep their metamethods", function()
    holds("local t = setmetatable({ n = 1 }, { __index = { m = 2 } })", "t.n == 1 and t.m == 2 and t.x == nil")
    holds("local t = setmetatable({}, { __index = function(_, k) return k .. '!' end })", "t.a == 'a!'")
    holds("local t = setmetatable({}, { __call = function(_, a) return a + 1 end })", "t(1) == 2")
    holds("local t = setmetatable({}, { __tostring = function() return 'T' end })", "tostring(t) == 'T'")
    holds("local t = setmetatable({ 1, 2 }, { __len = function() return 7 end })", "#t == 7")
  end)

  it("may be made inside a rule, and written to there", function()
    holds("", "(function() local t = {} t.x = 1 t[1] = 2 table.insert(t, 3) table.sort(t) return #t == 2 end)()")
  end)

  it("may hold functions", function()
    holds("local t = { f = function(x) return x * 2 end }", "t.f(2) == 4")
  end)
end)

describe("locals of a rule", function()
  it("may be counted in, by inner functions too", function()
    holds([[local function each(list, f) for _, v in ipairs(list) do f(v) end end]],
      "(function() local n = 0 each({ 1, 2, 3 }, function(v) n = n + v end) return n == 6 end)()")
  end)
end)
