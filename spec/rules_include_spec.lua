local rules = require("spec.support.rules")
local support = require("spec.support")

local MAIN = 'fields { orders = integer }\ninclude "segments/*.lua"\ntag "Main" { when = function(user) return user.orders > 1 end }\n'

local function segment(name, condition)
  return ('tag "%s" { when = function(user) return %s end }\n'):format(name, condition or "user.orders > 9")
end

describe("include", function()
  local folder, remove
  before_each(function()
    folder, remove = support.folder()
    assert(require("tagua.core").system.make_folder(folder .. "/segments"))
  end)
  after_each(function() remove() end)

  local function write(name, text)
    support.write(folder .. "/" .. name, text)
  end

  local function load(main)
    write("rules.lua", main or MAIN)
    local pool <close> = rules.pool()
    local ruleset, message, code = pool:load({ path = folder .. "/rules.lua" })
    assert(ruleset or code == "ERULES", code)
    local in_state, reason = require("tagua.rules").load(folder .. "/rules.lua")
    assert.equal(ruleset == nil, in_state == nil) -- the command and the module agree
    if in_state then
      assert.equal(ruleset.hash, in_state.hash)
    else
      assert.equal(message, reason)
    end
    return ruleset, message
  end

  local function names(ruleset)
    local list = {}
    for i, tag in ipairs(ruleset.tags) do list[i] = tag.name end
    return list
  end

  it("takes the files that fit, in the order of their names, where it stands", function()
    write("segments/b.lua", segment("B"))
    write("segments/a.lua", segment("A"))
    write("segments/.hidden.lua", "this is no Lua")
    write("segments/notes.txt", "neither is this")
    local ruleset = assert(load())
    assert.same({ "A", "B", "Main" }, names(ruleset))
    assert.matches("segments/a.lua$", ruleset.tags[1].file)
    assert.equal(1, ruleset.tags[1].line)
    assert.matches("rules.lua$", ruleset.tags[3].file)
  end)

  it("decides with the rules of all files, and shares what is global in them", function()
    write("segments/a.lua", segment("A", "often(user)"))
    write("rules.lua", "function often(user) return user.orders > limit end limit = 4\n" .. MAIN)
    local pool <close> = rules.pool()
    assert(pool:load({ path = folder .. "/rules.lua" }))
    assert(pool:input({ format = "jsonl", at = rules.NOON }))
    local chunks = { '{"id": "U1", "orders": 5}\n{"id": "U2", "orders": 3}\n' }
    local block = pool:decide(function() return table.remove(chunks), 1 end)()
    assert.same({ "++", "-+" }, block.wants)
  end)

  it("keeps what is local to a file to itself", function()
    write("segments/a.lua", "local limit = 4\n" .. segment("A", "user.orders > limit"))
    write("segments/b.lua", segment("B", "user.orders > limit"))
    write("rules.lua", MAIN)
    local pool <close> = rules.pool()
    assert(pool:load({ path = folder .. "/rules.lua" }))
    assert(pool:input({ format = "jsonl", at = rules.NOON }))
    local chunks = { '{"id": "U1", "orders": 5}\n' }
    local block = pool:decide(function() return table.remove(chunks), 1 end)()
    assert.same({ "+!+" }, block.wants)
    assert.matches("segments/b.lua:1: unknown name 'limit'", block.failures[1].message, 1, true)
  end)

  it("runs the tests of all files, and names the file of one that fails", function()
    write("segments/a.lua", segment("A") .. 'test "ten" { user = { orders = 10 }, expect = { A = true } }\n'
      .. 'test "nine" { user = { orders = 9 }, expect = { A = true } }\n')
    write("rules.lua", MAIN)
    local pool <close> = rules.pool()
    assert(pool:load({ path = folder .. "/rules.lua" }))
    local results = pool:test()
    assert.is_true(results[1].ok)
    assert.is_false(results[2].ok)
    assert.matches("segments/a.lua$", results[2].file)
    assert.equal(3, results[2].line)
  end)

  it("has a hash over all that it includes", function()
    write("segments/a.lua", segment("A"))
    local before = assert(load()).hash
    assert.equal(before, load().hash)
    write("segments/a.lua", segment("A", "user.orders > 8"))
    assert.not_equal(before, load().hash)
  end)

  it("names the included file and its line where that is wrong", function()
    local cases = {
      ["\nx = = 1"] = "segments/a.lua:2: unexpected symbol near '='",
      ["\n\ntga 'x' { }"] = "segments/a.lua:3: unknown name 'tga' (did you mean 'tag'?)",
      ["tag 'x' { wehn = 1 }"] = "segments/a.lua:1: tag 'x': unknown option 'wehn' (did you mean 'when'?)",
      ["\ntag 'x'"] = "segments/a.lua:2: tag 'x' lacks its braces",
      ["\ntest 't' { user = { order = 1 }, expect = {} }"] = "segments/a.lua:2: test 't': user has the field 'order'",
      ["\nfields { a = text }"] = "segments/a.lua:2: fields { } is written twice: it is in " .. folder .. "/rules.lua:1 already",
      [segment("Main", "user.ordres > 1")] = "a.lua:1",
      ["\ninclude 'segments/b.lua'"] = "segments/a.lua:2: include belongs into the rule file itself",
    }
    for text, expected in pairs(cases) do
      write("segments/a.lua", text)
      local ruleset, message = load()
      assert.is_nil(ruleset)
      assert.matches(expected, message, 1, true)
      assert.is_nil(message:find("rules.lua: ", 1, true), message)
    end
  end)

  it("says which file has the other owner of a tag", function()
    write("segments/a.lua", "\n" .. segment("Main"))
    local _, message = load()
    assert.matches("rules.lua:3: the tag 'Main' has two owners: tag 'Main' in " .. folder .. "/segments/a.lua:2", message, 1, true)
  end)

  it("leaves no way out of the folder, and says what is not there", function()
    os.execute(("ln -s /etc/hostname '%s/segments/link.lua'"):format(folder))
    local cases = {
      ["../x.lua"] = "only files below the rule file's own folder",
      ["/etc/*"] = "only files below the rule file's own folder",
      ["segments/../../x.lua"] = "only files below the rule file's own folder",
      ["segments/link.lua"] = "is a link out of the rule file's own folder",
      ["segments/none.lua"] = "there is no file",
      ["segments/*.txt"] = "no file in",
      ["*/a.lua"] = "* and ? belong into the file's name",
      ["nowhere/*.lua"] = "cannot read the folder",
      ["rules.lua"] = "that is the rule file itself",
      [""] = "the name is empty",
    }
    for pattern, expected in pairs(cases) do
      local _, message = load(('\ninclude "%s"\n'):format(pattern) .. segment("A"))
      assert.matches("rules.lua:2: include '", message, 1, true)
      assert.matches(expected, message, 1, true)
    end
  end)

  it("wants its pattern written out, at load", function()
    write("segments/a.lua", segment("A"))
    local _, message = load("include('segments' .. '/a.lua')\n")
    assert.matches("rules.lua:1: include wants its pattern written out, as in include \"segments/a.lua\"", message, 1, true)
    _, message = load("include(3)\n")
    assert.matches("rules.lua:1: include wants a name in quotes", message, 1, true)
    _, message = load('include "segments/a.lua" include "segments/*.lua"\n')
    assert.matches("segments/a.lua' is included already", message, 1, true)
  end)

  it("does not mind one in a comment", function()
    assert(load('-- include "nowhere/*.lua"\n' .. segment("A", "true")))
  end)
end)
