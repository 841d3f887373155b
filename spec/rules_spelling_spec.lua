local rules = require("spec.support.rules")

-- What was written wrong, and what the message says it might be.
local AT_LOAD = {
  { 'timezon "Asia/Taipei"', "timezone" }, { 'timezone "Asia/Taipe"', "Asia/Taipei" }, { "field { a = text }", "fields" },
  { "fields { a = txt }", "text" }, { "fields { a = integr }", "integer" }, { "fields { a = bolean }", "boolean" },
  { "fields { a = tagsets }", "tagset" }, { "fields { a = integer { if_emty = 0 } }", "if_empty" },
  { 'fields { a = date { fromat = "%d" } }', "format" }, { 'fields { a = text { form = "A" } }', "from" },
  { 'oneof "G" { { "A", otherwise } }', "one_of" }, { 'one_of "G" { { "A", otherwize } }', "otherwise" },
  { 'one_of "G" { fodler = "x", { "A", otherwise } }', "folder" },
  { 'one_of "G" { { "A", otherwise, ide = "x" } }', "id" }, { 'rul "R" { }', "rule" },
  { 'rule "R" { own = { "A" }, decide = function() end }', "owns" },
  { 'rule "R" { owns = { "A" }, decid = function() end }', "decide" },
  { 'tga "X" { when = function() return true end }', "tag" }, { 'tag "X" { wehn = function() return true end }', "when" },
  { 'tag "X" { never_remov = true, when = function() return true end }', "never_remove" },
  { 'tag "X" { start = "2026-01-01", when = function() return true end }', "starts" },
  { 'tag "X" { end_ = "2026-01-01", when = function() return true end }', "ends" },
  { 'tag "X" { last = "3d", when = function() return true end }', "lasts" },
  { 'tag "X" { shadw = true, when = function() return true end }', "shadow" },
  { 'tag "X" { rolout = "5%", when = function() return true end }', "rollout" },
  { 'tag "X" { holdot = "5%", when = function() return true end }', "holdout" },
  { 'tets "x" { }', "test" }, { 'test "x" { usr = {}, expect = {} }', "user" },
  { 'test "x" { user = {}, expct = {} }', "expect" }, { 'test "x" { user = { a = 1 }, expect = {} } fields { aa = text }', "aa" },
  { 'test "x" { user = { }, expect = { Tg = true } }', "Tag" },
  { 'one_of "G" { { "Gold", otherwise } } test "x" { user = {}, expect = { G = "Godl" } }', "Gold" },
  { 'includ "x"', "include" }, { 'gaurds { }', "guards" }, { "guards { max_opertions = 3 }", "max_operations" },
  { 'local d = tme "2026-01-01"', "time" }, { 'local s = strng.upper("x")', "string" },
  { "local s = table.concta({})", "concat" }, { "local s = math.flor(2)", "floor" }, { "local s = utf8.chr(2)", "char" },
  { 'local s = ("x"):uper()', "upper" },
}

local IN_A_RULE = {
  { "days_snce(1)", "days_since" }, { "hours_sinc(1)", "hours_since" }, { "nw()", "now" }, { "tody()", "today" },
  { 'hass(user, "city")', "has" }, { 'has(user, "cty")', "city" }, { "user.cty", "city" }, { "leav", "leave" },
  { "otherwse", "otherwise" }, { 'tonumbr("1")', "tonumber" }, { 'user.city:fnd("x")', "find" },
  { "math.mx(1, 2) > 1", "max" }, { 'tme "2026-01-01"', "time" }, { 'string.lowr("A") == "a"', "lower" },
}

describe("a word that is misspelt", function()
  for _, case in ipairs(AT_LOAD) do
    it("is answered with the nearest and its line: " .. case[1], function()
      local message = rules.rejection("\n\n" .. case[1] .. '\ntag "Tag" { when = function() return true end }')
      assert.matches("^rules.lua:3: ", message)
      assert.matches("did you mean '" .. case[2] .. "'?", message, 1, true)
    end)
  end

  for _, case in ipairs(IN_A_RULE) do
    it("is answered with the nearest and the rule's own line: " .. case[1], function()
      local source = 'fields { city = text }\ntag "T" {\n  when = function(user)\n    return ' .. case[1] .. "\n  end,\n}"
      local pool <close> = rules.pool()
      local ruleset, message = pool:load({ source = source, name = "rules.lua" })
      if ruleset then message = rules.failure(source, '"city": "x"') end
      assert.matches("^rules.lua:4: ", message)
      assert.matches("did you mean '" .. case[2] .. "'?", message, 1, true)
    end)
  end
end)
