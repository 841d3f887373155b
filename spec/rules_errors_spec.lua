local rules = require("spec.support.rules")

describe("a rule file that is wrong", function()
  local cases = {
    { "has a syntax error", "tag 'x' {", "rules.lua:1: unexpected symbol near <eof>" },
    { "misspells a word", "\ntga 'x' { }", "rules.lua:2: unknown name 'tga' (did you mean 'tag'?)" },
    { "misspells a helper", "local t = tiem '2026-01-01'", "rules.lua:1: unknown name 'tiem' (did you mean 'time'?)" },
    { "misspells an option", "tag 'x' {\n  wehn = function() return true end }",
      "rules.lua:1: tag 'x': unknown option 'wehn' (did you mean 'when'?)" },
    { "misspells a function of the library", "local s = string.fromat('x')",
      "rules.lua:1: 'string' has no 'fromat' (did you mean 'format'?)" },
    { "forgets the braces", "tag 'x'", "rules.lua:1: tag 'x' lacks its braces: tag \"x\" { ... }" },
    { "gives a function where braces belong", "tag 'x' (function() end)",
      "rules.lua:1: tag 'x' wants braces behind its name, got a function" },
    { "forgets when", "tag 'x' { folder = 'f' }", "rules.lua:1: tag 'x': option 'when' is missing" },
    { "gives no function", "tag 'x' { when = true }",
      "rules.lua:1: tag 'x': option 'when' must be a function, got true" },
    { "gives a folder that is no text", "tag 'x' { folder = 3, when = function() end }",
      "rules.lua:1: tag 'x': option 'folder' must be a string, got 3" },
    { "gives a start that is no date", "tag 'x' { starts = 'soon', when = function() end }",
      "rules.lua:1: tag 'x': option 'starts': 'soon' is not a date" },
    { "gives a start that is no moment", "tag 'x' { starts = {}, when = function() end }",
      "rules.lua:1: tag 'x': option 'starts' must be a string or a number, got a table" },
    { "gives an id to a whole group", "one_of 'g' { id = 'tag-1', { 'a', otherwise } }",
      "rules.lua:1: one_of 'g': unknown option 'id'" },
    { "has no rule", "fields { a = text }", "rules.lua:1: there is no rule: write tag \"Name\"" },
    { "is empty", "", "rules.lua:1: there is no rule" },
    { "raises", "error('not today')", "rules.lua:1: not today" },
    { "raises far from any line", "error('not today', 0)", "rules.lua: not today" },
    { "calls what is not there", "local x = nil; x()", "rules.lua:1: attempt to call a nil value (local 'x')" },
    { "forgets the braces of fields", "fields 'orders'", "rules.lua:1: fields wants its fields in braces" },
    { "is bytecode", string.dump(function() end), "attempt to load a binary chunk" },
  }
  for _, case in ipairs(cases) do
    it("is rejected with its line where it " .. case[1], function()
      assert.matches(case[3], rules.rejection(case[2]), 1, true)
    end)
  end

  it("is called by its base name where its path is long", function()
    local pool <close> = rules.pool()
    local path = "/" .. ("very_long_folder/"):rep(8) .. "rules.lua"
    local _, message = pool:load({ source = "\n\nx = = 1", name = path })
    assert.matches("^rules.lua:3: ", message)
  end)

  it("may have any name", function()
    local pool <close> = rules.pool()
    local _, message = pool:load({ source = "\nx()", name = "規則 50%d.lua" })
    assert.matches("規則 50%d.lua:2: unknown name 'x'", message, 1, true)
  end)
end)

describe("a rule that raises", function()
  it("is shown by its own line", function()
    assert.equal("rules.lua:3: attempt to perform arithmetic on a boolean value", (rules.failure([[
      tag "T" { when = function(user)
        local yes = true
        return yes + 1 > 2
      end }]], ""):gsub(" %(.*", "")))
  end)

  it("is shown by the line of its helper", function()
    assert.equal("rules.lua:1: no such city", rules.failure(
      'local function f() error("no such city") end\ntag "T" { when = function(user) return f() end }', ""))
  end)

  it("is named where the error has no line", function()
    assert.equal("rules.lua:1: tag 'T': plain", rules.failure(
      'tag "T" { when = function() error("plain", 0) end }', ""))
  end)

  it("does not show a line of tagua", function()
    for _, body in ipairs({
      "return days_since({})", "return hours_since('x')", "return time(3)", "return setmetatable(3, {})",
      "return xpcall(1, 2)", "return nowhere", "return string.nowhere", "string.x = 1", "x = 1", "user.x = 1",
      "return ('x'):nowhere()", "return has(1)", "return date { }", "leave.x = 1",
    }) do
      local message = rules.failure(('tag "T" { when = function(user) %s end }'):format(body), "")
      assert.matches("^rules.lua:1: ", message)
      assert.is_nil(message:find("lua/tagua", 1, true), message)
      assert.is_nil(message:find("[C]", 1, true), message)
    end
  end)
end)
