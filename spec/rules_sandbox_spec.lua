-- tagua.rules.sandbox: the command's limits inside somebody's program, a plain Lua. The attacks are those that the
-- command's workers withstand.
local core = require("tagua.core")
local support = require("spec.support")
local tagua = require("tagua")
local twin = require("spec.support.twin_process")

local FOLDER = "spec/sandbox/"
local MEMORY = 32 * 1024 * 1024
local BEHIND = '\ntag "Other" { when = function(user) return not user.attack end }\n'

if _VERSION ~= "Lua 5.4" then
  describe("tagua.rules.sandbox", function()
    it("says which Lua it needs, and what there is without it", function()
      local none, message, code = tagua.rules.sandbox("rules.lua")
      assert.is_nil(none)
      assert.equal("rules.sandbox needs Lua 5.4, this is Lua 5.3; rules.load runs rules in the program's own state, "
        .. "without limits", message)
      assert.equal("EUNSUPPORTED", code)
    end)
  end)
  return
end

local opened = {}

local function open(source, more)
  local given = { source = source, name = "rules.lua", seconds = 0.1 }
  for name, value in pairs(more or {}) do given[name] = value end
  local rules, message, code = tagua.rules.sandbox(given)
  opened[#opened + 1] = rules
  return rules, message, code
end

describe("tagua.rules.sandbox", function()
  after_each(function()
    while #opened > 0 do table.remove(opened):close() end
  end)

  for name in io.popen("ls " .. FOLDER):lines() do
    local source = support.read(FOLDER .. name)
    local verdict, text = source:match("^%-%- [^\n]+\n%-%- (%l+):? ?([^\n]*)\n")
    it("withstands " .. name:gsub("%.lua$", ""):gsub("_", " "), function()
      local rules, message = open("fields { attack = boolean } " .. source .. BEHIND,
        { seconds = text:find("memory") and 10 or 0.1, memory = MEMORY, name = "attack.lua" })
      if verdict == "rejected" then
        assert.is_nil(rules)
        assert.matches(text, message, 1, true)
        return
      end
      assert(rules, message)
      assert.is_true(assert(rules:decide({ attack = false })).Attack)
      local tags, info = assert(rules:decide({ attack = true }))
      assert.is_false(tags.Other)
      if verdict == "failed" then
        assert.is_nil(tags.Attack)
        assert.matches("^attack.lua:%d+: ", info.failed.Attack)
        -- an error's level may point to who called the rule
        assert.matches(text, (info.failed.Attack:gsub("%S+/deciding%.lua:%d+: ", "")), 1, true)
      else
        assert.same({}, info.failed)
        assert.is_true(tags.Attack)
      end
      tags = assert(rules:decide({ attack = false }))
      assert.is_true(tags.Attack and tags.Other)
    end)
  end

  it("decides as tagua.rules.load does, whatever the values are", function()
    local source = [[
fields { orders = integer, spend = number { from = "累計消費" }, city = text, news = boolean { if_empty = false },
  last = date, tags = tagset, a = text { from = "b" }, b = text { from = "a" } }
tag "Orders" { when = function(user) return user.orders >= 10 end }
tag "Spend" { when = function(user) return user.spend > 0.1 end }
tag "City" { when = function(user) return user.city == "台北\0\xff" end }
tag "News" { when = function(user) return user.news end }
tag "Recent" { when = function(user) return days_since(user.last) < 30 end, starts = "2026-11-01" }
tag "Blocked" { when = function(user) return user.tags["Blocked"] or false end }
rule "swapped" {
  owns = { "A", "B" },
  decide = function(user) return { A = user.a == "1", B = user.b == "1" } end,
}
one_of "Tier" { { "Gold", function(user) return user.orders > 5 end }, { "Silver", otherwise } }
]]
    local inside = assert(open(source))
    local outside = assert(tagua.rules.load({ source = source, name = "rules.lua" }))
    local null = require("cjson").null
    for _, record in ipairs({
      {}, { orders = 12, a = "1" }, { b = "1" }, { a = "1", b = "2" },
      { orders = "12", ["累計消費"] = "0.5" }, { orders = "x", spend = 0.1 }, { orders = 1 << 62 },
      { orders = 2.0, spend = 1 / 3 }, { orders = 2.5 }, { orders = null, spend = null, tags = null },
      { city = "台北\0\xff", news = true }, { city = 12, news = "yes" }, { city = "", news = "" },
      { last = "2026-11-10", tags = { "Blocked" } }, { last = 1795000000, tags = { Blocked = true } },
      { last = "yesterday", tags = { 1 } }, { tags = {} }, { city = print, orders = {}, tags = print },
      { orders = 0 / 0, spend = 0 / 0 }, { spend = 1 / 0 },
    }) do
      for _, now in ipairs({ 1795233600, 1790000000.5 }) do
        assert.same({ outside:decide(record, now) }, { inside:decide(record, now) })
      end
    end
  end)

  it("runs the file's tests, and tells what the file says", function()
    local rules = assert(open([[
timezone "Asia/Tokyo"
fields { orders = integer }
tag "VIP" { when = function(user) return user.orders >= 10 end }
test "ten" { user = { orders = 10 }, expect = { VIP = true } }
test "nine" { user = { orders = 9 }, expect = { VIP = true } }
]]))
    local results = assert(rules:test())
    assert.is_true(results[1].ok)
    assert.is_false(results[2].ok)
    assert.equal("Asia/Tokyo", rules.zone)
    assert.equal("VIP", rules.tags[1].name)
  end)

  it("refuses a file with its line, and a worker that cannot be one", function()
    local none, message, code = open("tag 'VIP'")
    assert.is_nil(none)
    assert.matches("^rules.lua:1: tag 'VIP' lacks its braces", message)
    assert.equal("ERULES", code)
    none, message, code = open("", { lua = "/nowhere/lua" })
    assert.is_nil(none)
    assert.equal("starting a worker: cannot run '/nowhere/lua': No such file or directory", message)
    assert.equal("EIO", code)
    none, message = open("", { lua = "/bin/true" })
    assert.is_nil(none)
    assert.matches("is '/bin/true' Lua 5.4, which the option 'lua' may name?", message, 1, true)
    none, message, code = tagua.rules.sandbox("/nowhere/rules.lua")
    assert.is_nil(none)
    assert.matches("/nowhere/rules.lua", message, 1, true)
    assert.equal("EIO", code)
  end)

  it("runs a rule no more that has ended five workers, and the others as before", function()
    local rules = assert(open([[
fields { n = integer }
tag "Stuck" { when = function(user) return ("a"):rep(300):find("a-a-a-a-a-a-b") ~= nil end }
tag "Other" { when = function(user) return user.n > 0 end }
]], { seconds = 0.02 }))
    for i = 1, 6 do
      local tags, info = assert(rules:decide({ n = i }))
      assert.is_true(tags.Other)
      assert.matches(i <= 5 and "got stuck inside one call" or "is not run any more: it ended a worker for 5 users",
        info.failed.Stuck, 1, true)
    end
  end)

  it("goes on when its worker is killed", function()
    local rules = assert(open('fields { n = integer } tag "T" { when = function(user) return user.n > 0 end }'))
    for i = 1, 3 do
      assert.is_true(assert(rules:decide({ n = i })).T)
      os.execute("kill -9 " .. rules.pool:pids()[1])
    end
  end)

  it("finds the rule that ends its worker without a word", function()
    local folder, remove = support.folder()
    finally(remove)
    local _, interpreter = support.shell("command -v lua5.4")
    local lua = support.write(folder .. "/lua", ("#!/bin/sh\nulimit -t 1\nexec %s \"$@\"\n"):format((interpreter:gsub("\n", ""))))
    os.execute("chmod +x " .. lua)
    local rules = assert(open([[
fields { n = integer }
tag "Endless" { when = function(user) while user.n == 2 do end return true end }
tag "Other" { when = function(user) return user.n > 0 end }
]], { seconds = 30, lua = lua }))
    local tags, info = assert(rules:decide({ n = 2 }))
    assert.is_true(tags.Other)
    assert.equal("rules.lua:2: tag 'Endless' ended its worker", info.failed.Endless)
    assert.is_true(assert(rules:decide({ n = 1 })).Endless)
  end)

  it("leaves nothing behind: no process, no descriptor", function()
    local function descriptors()
      local list = io.popen("ls /proc/" .. core.system.pid() .. "/fd | wc -l")
      local count = list:read("n")
      list:close()
      return count
    end
    collectgarbage()
    collectgarbage()
    local before = descriptors()
    local pid
    for i = 1, 10 do
      local rules = assert(open('tag "T" { when = function() return true end }'))
      opened = {}
      assert.is_true(assert(rules:decide({})).T)
      pid = rules.pool:pids()[1]
      if i % 2 == 0 then rules:close() end
      rules = nil -- luacheck: ignore 311
      collectgarbage()
      collectgarbage()
    end
    assert.is_true(descriptors() < before + 5) -- some other spec's may come or go
    assert.equal(1, (support.shell("kill -0 " .. pid)))
  end)

  it("gives the worker no descriptor, no environment and no means to get any", function()
    local rules = assert(open('tag "T" { when = function() return true end }'))
    assert(rules:decide({}))
    local pid = rules.pool:pids()[1]
    local _, out = support.shell(("ls /proc/%d/fd; tr '\\0' '\\n' </proc/%d/environ; grep -E 'open files|file size' /proc/%d/limits")
      :format(pid, pid, pid))
    if support.sanitized then return end -- the sanitizers have their own
    if out == "" then return pending("what the worker holds can't be read here: it is not dumpable, and this is not root") end
    assert.matches("^0\n1\nMax file size +0 +0 .-\nMax open files +0 +0 ", out)
  end)

  it("works in a program of its own, whose children are its own business", function()
    local folder, remove = support.folder()
    finally(remove)
    support.write(folder .. "/rules.lua",
      'fields { n = integer } tag "T" { when = function(user) return user.n > 0 end }')
    support.write(folder .. "/app.lua", [[
local tagua = require "tagua"
local rules = assert(tagua.rules.sandbox "rules.lua")
for i = 1, 3 do
  assert(assert(rules:decide { n = i }).T)
  os.execute "true"
end
print "decided"
]])
    local environment = support.rock and "" or twin.environment()
    for _, before in ipairs({ "", "trap '' CHLD;" }) do
      assert.same({ 0, "decided\n", "" },
        { support.shell(("cd '%s' && (%s exec env %s %s app.lua)"):format(folder, before,
          environment, support.lua)) })
    end
  end)

  it("cannot be used once it is closed", function()
    local rules = assert(open('tag "T" { when = function() return true end }'))
    rules:close()
    rules:close()
    assert.has_error(function() rules:decide({}) end, "the sandbox is closed")
    assert.has_error(function() rules:test() end, "the sandbox is closed")
  end)
end)
