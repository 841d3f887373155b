-- docs/rules.md teaches what is true: the page runs from top to bottom, its rule files are sound unless they
-- are shown for what is wrong with them, and it knows every word of the language and every code of the doctor.
local doctor = require("tagua.rules.doctor")
local language = require("tagua.rules.language")
local rules = require("spec.support.rules")
local story = require("spec.support.story")
local support = require("spec.support")

local PAGE = "docs/rules.md"
local FAULTY = { ["typo.lua"] = true, ["faulty.lua"] = true, ["shop_spec.lua"] = true, ["whole.lua"] = true }

describe(PAGE, function()
  local text = support.read(PAGE)

  it("tells what happens: every command in it runs, and prints what it says", function()
    assert.is_true(story.run(PAGE, assert.is_true) >= 10)
  end)

  it("names no file of the tree that is not there", function()
    for _, path in ipairs(story.links(PAGE)) do
      assert.equal(0, (support.shell("test -e " .. path)), path)
    end
  end)

  for file, source in text:gmatch("\n```lua ([%w_]+%.lua)\n(.-)\n```") do
    if not FAULTY[file] then
      local first = source:match("^[^\n]*")
      it(("has in %s (%s) rules in which the doctor finds nothing"):format(file, first), function()
        local pool <close> = rules.pool()
        assert.same({}, assert(doctor.examine(pool, { source = source, name = file, at = rules.NOON })).findings)
      end)
    end
  end

  it("shows no Lua that is in no file", function()
    assert.is_nil(text:find("\n```lua\n", 1, true))
  end)

  it("knows every word of the language", function()
    for word in pairs(language.new("rules.lua").globals) do
      assert.is_truthy(word == "_G" or word == "_VERSION" or text:find("%f[%w_]" .. word .. "%f[^%w_]"), word)
    end
  end)

  it("knows every code of the doctor", function()
    for code in pairs(doctor.codes) do
      assert.matches("`" .. code .. "`", text, 1, true)
    end
  end)
end)
