local rules = require("spec.support.rules")

local function tag(fields, body)
  return ("fields { %s }\ntag \"T\" { when = function(user) %s end }"):format(fields, body)
end

describe("fields", function()
  it("come in their types", function()
    local source = tag("a = text, b = integer, c = number, d = boolean, e = date", [[
      return type(user.a) == "string" and math.type(user.b) == "integer" and math.type(user.c) == "float"
        and user.d == true and user.e == time "2026-11-21"
    ]])
    assert.same({ T = true }, rules.want(source, '"a": "x", "b": 3, "c": 1.5, "d": true, "e": "2026-11-21"'))
  end)

  it("take a text that says a number for one", function()
    assert.same({ T = true }, rules.want(tag("n = integer", "return user.n == 12"), '"n": "12"'))
  end)

  it("are read from the column that `from` names", function()
    local source = tag('spend = number { from = "累計消費" }', "return user.spend == 30000")
    assert.same({ T = true }, rules.want(source, '"累計消費": 30000'))
  end)

  it("have `if_empty` where the record has no value", function()
    local source = tag("orders = integer { if_empty = 7 }", "return user.orders == 7")
    assert.same({ T = true }, rules.want(source, '"orders": null'))
    assert.same({ T = true }, rules.want(source, '"orders": ""'))
  end)

  it("take a date for `if_empty` of a date", function()
    local source = tag('last = date { if_empty = "2026-11-20" }', "return days_since(user.last) == 1")
    assert.same({ T = true }, rules.want(source, '"last": ""'))
  end)

  it("read dates in another format", function()
    local source = tag('last = date { format = "%d/%m/%Y" }', 'return user.last == time "2026-11-20"')
    assert.same({ T = true }, rules.want(source, '"last": "20/11/2026"'))
  end)

  it("read years of the Republic", function()
    local source = tag("last = date { roc = true }", 'return user.last == time "2026-11-20"')
    assert.same({ T = true }, rules.want(source, '"last": "115/11/20"'))
  end)

  it("read a date without a zone in the ruleset's zone", function()
    local source = 'timezone "Europe/Paris"\n' .. tag("last = date", 'return user.last == time "2026-07-01 00:00"')
    assert.same({ T = true }, rules.want(source, '"last": "2026-07-01"'))
    assert.same({ T = true }, rules.want(source, '"last": "2026-06-30T22:00:00Z"'))
  end)

  describe("without a value", function()
    it("are nil, and the decision that read one is unknown", function()
      local wants, block = rules.want(tag("city = text", "return user.city == nil"), '"city": ""')
      assert.same({ T = "unknown" }, wants)
      assert.same({ { tag = 1, field = "city", count = 1 } }, block.unknown)
    end)

    it("make it unknown where the rule raised because of them, too", function()
      assert.same({ T = "unknown" }, rules.want(tag("orders = integer", "return user.orders > 3"), '"orders": null'))
    end)

    it("make it unknown where the rule caught that", function()
      local source = tag("orders = integer", "pcall(function() return user.orders > 3 end) return false")
      assert.same({ T = "unknown" }, rules.want(source, '"orders": null'))
    end)

    it("do no harm where they were not read", function()
      local source = tag("city = text, orders = integer", 'return user.orders > 3 or user.city == "x"')
      assert.same({ T = true }, rules.want(source, '"city": "", "orders": 4'))
    end)

    it("name the first field that was missing", function()
      local _, block = rules.want(tag("a = text, b = text", "return user.b == user.a"), '"a": "", "b": ""')
      assert.equal("b", block.unknown[1].field)
    end)

    it("are a case that the rule has thought of where it asked has", function()
      local source = tag("city = text", 'return has(user, "city") and user.city == "台北"')
      assert.same({ T = false }, rules.want(source, '"city": ""'))
      assert.same({ T = true }, rules.want(source, '"city": "台北"'))
    end)

    it("may be read after has", function()
      local source = tag("city = text", 'if not has(user, "city") then return user.city == nil end return false')
      assert.same({ T = true }, rules.want(source, '"city": ""'))
    end)

    it("are asked for in each rule anew", function()
      assert.same({ A = false, B = "unknown" }, rules.want([[
        fields { city = text }
        tag "A" { when = function(user) return has(user, "city") end }
        tag "B" { when = function(user) return user.city == "x" end }
      ]], '"city": ""'))
    end)

    it("are false to has even where they have if_empty", function()
      assert.same({ T = false }, rules.want(tag("n = integer { if_empty = 0 }", 'return has(user, "n")'), '"n": null'))
    end)
  end)

  describe("that do not fit", function()
    it("are unknown, whatever if_empty says", function()
      local source = tag("spend = number { if_empty = 0 }", "return user.spend > 10")
      assert.same({ T = "unknown" }, rules.want(source, '"spend": "NT$30,000"'))
    end)

    it("are unknown to a rule that only asks whether they are there", function()
      local source = tag("spend = number", 'return not has(user, "spend")')
      assert.same({ T = "unknown" }, rules.want(source, '"spend": "NT$30,000"'))
    end)

    it("are unknown where an integer has a fraction", function()
      assert.same({ T = "unknown" }, rules.want(tag("n = integer { if_empty = 0 }", "return user.n == 0"), '"n": 1.5'))
    end)
  end)

  describe("that the record does not have at all", function()
    it("are unknown, whatever if_empty says", function()
      local source = tag("orders = integer { if_empty = 0 }", "return user.orders == 0")
      assert.same({ T = "unknown" }, rules.want(source, ""))
    end)

    it("are a case that the rule has thought of where it asked has", function()
      local source = tag("city = text", 'return has(user, "city")')
      assert.same({ T = false }, rules.want(source, ""))
    end)

    it("are counted, so that a key which the whole input lacks is seen", function()
      local _, block = rules.want(tag("a = text, b = text", "return true"), '"a": ""')
      assert.same({ a = 1, b = 0 }, block.present)
    end)
  end)

  describe("that are not declared", function()
    it("are found when the file is loaded, where a rule reads them sooner or later", function()
      for body, name in pairs({
        ["return user.ordres >= 10"] = "ordres",
        ["return user.orders >= 10 or user.ordres == 1"] = "ordres",
        ["return user.orders >= 10 and user.ordres == 1"] = "ordres",
        ['if user.orders == nil then return leave end return has(user, "ordres")'] = "ordres",
      }) do
        local message = rules.rejection(tag("orders = integer", body))
        assert.equal(("rules.lua:2: the field '%s' is not declared in fields { } (did you mean 'orders'?)"):format(name),
          message)
      end
    end)

    it("are found among very many rules", function()
      local lines = { "fields { a = text }" }
      for i = 1, 100 do
        lines[#lines + 1] = ('tag "T%d" { when = function(user) return user.a == "x" end }'):format(i)
      end
      lines[#lines + 1] = 'tag "Last" { when = function(user) return user.b == "x" end }'
      assert.matches("rules.lua:102: the field 'b'", rules.rejection(table.concat(lines, "\n")), 1, true)
    end)

    it("fail the rule, naming the nearest", function()
      local source = tag("orders = integer, x = integer", "return user.x == 7 and user.ordres == 1")
      assert.equal("rules.lua:2: the field 'ordres' is not declared in fields { } (did you mean 'orders'?)",
        rules.failure(source, '"orders": 1, "x": 7'))
    end)

    it("fail it even where it caught the error", function()
      local source = tag("x = integer", "if user.x == 7 then pcall(function() return user.nope end) end return true")
      assert.matches("the field 'nope' is not declared", rules.failure(source, '"x": 7'), 1, true)
    end)

    it("fail has, too", function()
      local source = tag("city = text, x = integer", 'return user.x == 7 and has(user, "town")')
      assert.matches("rules.lua:2: the field 'town' is not declared", rules.failure(source, '"city": "x", "x": 7'), 1,
        true)
    end)
  end)

  describe("in a declaration that is wrong", function()
    local cases = {
      { "orders = intger", "rules.lua:1: unknown name 'intger' (did you mean 'integer'?)" },
      { "orders = 5", "rules.lua:1: field 'orders' wants a type: text, integer, number, boolean, date or tagset; got 5" },
      { "integer", "rules.lua:1: fields { } wants name = type" },
      { "orders = integer { if_emty = 0 }", "rules.lua:1: integer: unknown option 'if_emty' (did you mean 'if_empty'?)" },
      { 'orders = integer { if_empty = "0" }', "rules.lua:1: integer: option 'if_empty' must be a whole number, got '0'" },
      { 'orders = integer { format = "%Y" }', "integer: unknown option 'format'" },
      { "orders = integer(3)", "integer wants its options in braces" },
      { 'd = date { if_empty = "soon" }', "field 'd' is a date: 'soon' is not a date" },
    }
    for _, case in ipairs(cases) do
      it("says what is wrong with { " .. case[1] .. " }", function()
        assert.matches(case[2], rules.rejection(tag(case[1], "return true")), 1, true)
      end)
    end

    it("says that fields is written twice", function()
      assert.matches("rules.lua:2: fields { } is written twice: it is in line 1 already",
        rules.rejection("fields { a = text }\nfields { b = text }"), 1, true)
    end)

    it("refuses a format of dates that it does not know", function()
      assert.matches("rules.lua:1: field 'd': ", rules.rejection(tag('d = date { format = "%Q" }', "return true")), 1,
        true)
    end)
  end)
end)

describe("has", function()
  it("says how it is used", function()
    local source = tag("a = text", 'return has("a")')
    assert.matches('rules.lua:2: has wants the user and the name of a field: has(user, "city")',
      rules.failure(source, '"a": "x"'), 1, true)
  end)
end)
