-- The rules of tagua serve: accepted when they load and pass their tests, refused loudly otherwise; real files, a real
-- ledger, real workers.
local ledger = require("tagua.ledger")
local reload = require("tagua.serve.reload")
local settings = require("tagua.settings")
local support = require("spec.support")

local GOOD = [[
fields { orders = integer }
tag "VIP" { when = function(user) return user.orders >= %d end }
test "ten orders" { user = { orders = 10 }, expect = { VIP = true } }
]]

local function rules(text)
  local folder, remove = support.folder()
  local book = assert(assert(ledger.open(folder .. "/tagua.db")):connection({ name = "local", platform = "local" }))
  local r = { folder = folder, log = {}, at = 1000 }
  function r.write(name, content) return support.write(folder .. "/" .. name, content) end
  local function log(level)
    return function(_, event, message, fields) r.log[#r.log + 1] = { level, event, message, fields } end
  end
  r.config = r.write("connections.lua", "serve { }")
  r.write("rules.lua", text)
  r.reload = reload.open({ path = folder .. "/rules.lua", book = book, now = function() return r.at end,
    settings = { assert(settings.verify("x", { platform = "local" })) }, config = r.config, executable = support.tagua,
    log = { info = log("info"), warning = log("warning"), error = log("error") } })
  r.book = book
  finally(function()
    book.ledger:close()
    remove()
  end)
  function r.last() return r.log[#r.log] and r.log[#r.log][3]:gsub(folder:gsub("%p", "%%%0") .. "/", "") end
  return r
end

describe("the rules of tagua serve", function()
  it("are kept in the ledger by their hash once they are accepted", function()
    local r = rules(GOOD:format(10))
    local accepted = assert(r.reload:load())
    assert.equal(1, accepted.tests)
    assert.equal("VIP", accepted.description.tags[1].name)
    assert.equal(GOOD:format(10), r.book:rule_text(accepted.hash).source)
  end)

  it("end the start when they cannot be accepted", function()
    local r = rules(GOOD:format(11))
    local accepted, message, code = r.reload:load()
    assert.is_nil(accepted)
    assert.matches("rules.lua: 1 of 1 test failed; the first: 'ten orders' (line 3)", message, 1, true)
    assert.equal("ERULES", code)
    r.write("rules.lua", "tag 'x' {")
    assert.equal("ERULES", select(3, r.reload:load()))
    assert.equal("EIO", select(3, reload.open({ path = r.folder .. "/nothing.lua" }):load()))
  end)

  it("are taken over when two looks agree on the change", function()
    local r = rules(GOOD:format(10))
    assert(r.reload:load())
    assert.is_nil(r.reload:look())
    r.write("rules.lua", GOOD:format(5))
    assert.is_nil(r.reload:look())
    local accepted = assert(r.reload:look())
    assert.equal(GOOD:format(5), r.book:rule_text(accepted.hash).source)
    assert.equal("the rules were loaded, 1 test passed", r.last())
    assert.equal(1, r.reload.reloads)
    assert.is_nil(r.reload:look())
    assert.is_nil(r.reload:look())
  end)

  it("are not taken for what half a file says", function()
    local r = rules(GOOD:format(10))
    assert(r.reload:load())
    r.write("rules.lua", GOOD:format(5):sub(1, 60))
    assert.is_nil(r.reload:look())
    r.write("rules.lua", GOOD:format(5))
    assert.is_nil(r.reload:look())
    assert.is_table(r.reload:look())
    assert.equal(0, r.reload.refusals)
  end)

  it("are refused loudly when they are bad, once, and those of before stay", function()
    local r = rules(GOOD:format(10))
    local before = assert(r.reload:load()).hash
    for i, bad in ipairs({ GOOD:format(11), "tag 'x' {", "rubbish()" }) do
      r.write("rules.lua", bad)
      for _ = 1, 4 do assert.is_nil(r.reload:look()) end
      assert.equal(i, r.reload.refusals)
      assert.equal(i, #r.log)
      assert.equal("error", r.log[i][1])
      assert.matches("^the rules were refused, and those of before go on: rules.lua:", (r.last()))
      assert.equal(before, r.reload.accepted.hash)
      assert.is_string(r.reload.refused.message)
    end
    r.write("rules.lua", GOOD:format(10))
    assert.is_nil(r.reload:look())
    assert.is_nil(r.reload:look())
    assert.is_nil(r.reload.refused)
    assert.equal("the rule file is again what is used", r.last())
  end)

  it("that are gone for a moment, as when an editor saves them, stay", function()
    local r = rules(GOOD:format(10))
    assert(r.reload:load())
    os.remove(r.folder .. "/rules.lua")
    assert.is_nil(r.reload:look())
    r.write("rules.lua", GOOD:format(10))
    assert.is_nil(r.reload:look())
    assert.same({}, r.log)
    os.remove(r.folder .. "/rules.lua")
    r.reload:look()
    r.reload:look()
    assert.matches("No such file", (r.last()), 1, true)
  end)

  it("change with a file that they include, also with one that is new", function()
    local r = rules('include "parts-*.lua"\n' .. GOOD:format(10))
    r.write("parts-1.lua", 'tag "One" { when = function(user) return user.orders == 1 end }')
    assert(r.reload:load())
    r.write("parts-2.lua", 'tag "Two" { when = function(user) return user.orders == 2 end }')
    r.reload:look()
    local accepted = assert(r.reload:look())
    assert.equal(3, #accepted.description.tags)
    assert.equal(2, #r.book:rule_text(accepted.hash).includes["parts-*.lua"])
  end)

  it("are looked at once when somebody asks, and it is told that nothing changed", function()
    local r = rules(GOOD:format(10))
    assert(r.reload:load())
    r.reload:look(true)
    assert.equal("the rules have not changed", r.last())
    r.write("rules.lua", GOOD:format(7))
    assert.is_table(r.reload:look(true))
    r.write("rules.lua", GOOD:format(11))
    r.reload:look(true)
    r.reload:look(true)
    assert.equal(2, r.reload.refusals) -- asked twice, told twice
  end)

  it("are refused when they need what connections.lua does not have", function()
    local r = rules(GOOD:format(10))
    assert(r.reload:load())
    r.reload.check = function(description)
      if #description.tags == 1 then return true end
      return nil, "the hook 'crm' goes by a secret that is not there", "ECONFIG"
    end
    r.write("rules.lua", GOOD:format(10) .. 'tag "Two" { when = function(user) return user.orders == 2 end }')
    r.reload:look(true)
    assert.matches("those of before go on: the hook 'crm' goes by a secret", r.last(), 1, true)
  end)

  it("run their tests at the present moment", function()
    local r = rules([[
      timezone "Asia/Taipei"
      fields { orders = integer }
      tag "May" { when = function(user) return now() < time "2026-05-01" and user.orders > 0 end }
      test "before May" { user = { orders = 1 }, expect = { May = true } }]])
    assert(r.reload:load())
    r.at = os.time({ year = 2026, month = 6, day = 1 })
    assert.equal("ERULES", select(3, r.reload:load()))
  end)

  it("stay although connections.lua changes, which is told once", function()
    local r = rules(GOOD:format(10))
    assert(r.reload:load())
    assert.is_false(r.reload:look_config())
    r.write("connections.lua", "serve { metrics_open = true }")
    assert.is_true(r.reload:look_config())
    assert.is_true(r.reload:look_config())
    assert.equal(1, #r.log)
    assert.equal("connections.lua has changed: what it says counts after a restart", r.last())
    r.write("connections.lua", "serve { }")
    assert.is_false(r.reload:look_config())
  end)
end)
