-- Runs every attack in spec/sandbox. An attack is a rule file that owns the tag "Attack" and strikes where
-- `user.attack` is true; its first line says what it tries, its second what becomes of it:
--
--    -- failed: TEXT      that user's tag fails, with this text, and the text names the file
--    -- rejected: TEXT    the file is not even loaded
--    -- harmless          nothing happens
--
-- Whatever it tries, the users before and after it, and the other rules, are decided as if it were not there,
-- and the worker's memory stays under its cap. What fails names the user, the rule and its line, and is one
-- record's: the worker lives, unless it got stuck inside one call, and then another one takes its place. To
-- add an attack, drop a file.
local core = require("tagua.core")
local rules = require("spec.support.rules")
local support = require("spec.support")

local FOLDER = "spec/sandbox/"
local SECONDS = 0.1
local SECONDS_FOR_MEMORY = 10 -- memory has to run out first, on a slow machine, too
local MEMORY = 32 * 1024 * 1024

local FRONT = "fields { attack = boolean } "
local BEHIND = '\ntag "Other" { when = function(user) return not user.attack end }\n'

local function files()
  local list = {}
  for name in io.popen("ls " .. FOLDER):lines() do
    if name:find("%.lua$") then list[#list + 1] = name end
  end
  return list
end

local function peak_memory(pid)
  local status = support.read("/proc/" .. pid .. "/status")
  return tonumber(status:match("VmHWM:%s+(%d+) kB")) * 1024
end

local function parse(name)
  local source = support.read(FOLDER .. name)
  local what, fate = source:match("^%-%- ([^\n]+)\n%-%- ([^\n]+)\n")
  assert(what, name .. " lacks its two lines")
  local verdict, text = fate:match("^(%l+):? ?(.*)$")
  return source, what, verdict, text
end

-- The letter of each of three users' wants, the failures, the most memory that the worker held, whether it is
-- the one that began, and the name of the rule that attacks.
local function strike(source, seconds)
  local pool <close> = rules.pool({ seconds = seconds, memory = MEMORY })
  local ruleset, message = pool:load({ source = FRONT .. source .. BEHIND, name = "attack.lua" })
  if not ruleset then return nil, message end
  assert(pool:input({ format = "csv", header = { "id", "attack" }, at = rules.NOON }))
  local first = pool:pids()[1]
  local chunks = { "U1,no\nU2,yes\nU3,no\n" }
  local next_block = pool:decide(function()
    local chunk = table.remove(chunks)
    if chunk then return chunk, 2 end
  end)
  local block = assert(next_block())
  local more, trouble = next_block()
  assert(more == nil and trouble == nil, trouble)
  local positions = {}
  for i, tag in ipairs(ruleset.tags) do
    positions[tag.name] = i
  end
  local wants = {}
  for i = 1, block.n do
    local attack, other = positions.Attack, positions.Other
    wants[block.ids[i]] = block.wants[i]:sub(attack, attack) .. block.wants[i]:sub(other, other)
  end
  local last = pool:pids()[1]
  return wants, block.failures, peak_memory(last), first == last, ruleset.tags[positions.Attack].rule
end

describe("the sandbox", function()
  for _, name in ipairs(files()) do
    local source, what, verdict, text = parse(name)
    it("withstands " .. name:gsub("%.lua$", ""):gsub("_", " ") .. ": " .. what, function()
      local started = core.system.monotonic_ns()
      local wants, failures, memory, lived, rule = strike(source, text:find("memory") and SECONDS_FOR_MEMORY or SECONDS)
      if verdict == "rejected" then
        assert.is_nil(wants)
        assert.matches(text, failures, 1, true)
        assert.matches("attack.lua", failures, 1, true)
        return
      end
      assert(wants, failures)
      assert.equal("++", wants.U1)
      assert.equal("++", wants.U3)
      if verdict == "harmless" then
        assert.same({}, failures)
        assert.equal("+-", wants.U2)
      else
        assert.equal("failed", verdict)
        assert.equal("!-", wants.U2)
        assert.equal(1, #failures)
        assert.equal("U2", failures[1].id)
        assert.equal(3, failures[1].line)
        assert.matches(text, failures[1].message, 1, true)
        assert.matches("^attack.lua:%d+: ", failures[1].message)
        assert.equal(rule, failures[1].rule)
      end
      assert.equal(text:find("got stuck", 1, true) == nil, lived)
      if not os.getenv("TAGUA_SANITIZED") then
        assert.is_true(memory < MEMORY + 24 * 1024 * 1024, "the worker held " .. memory)
      end
      assert.is_true(core.system.monotonic_ns() - started < 20e9)
    end)
  end
end)
