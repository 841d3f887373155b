--- Rule files in busted: the tests that a file holds, and more of them written beside it.
--
--    local testing = require "tagua.testing"
--    local rules = testing.load "rules.lua"
--
--    rules:describe(describe, it)  -- the file's own test blocks, each as an `it` of its own
--
--    describe("the campaign", function()
--      it("begins at midnight", function()
--        rules:expect {            -- as a test block says it
--          user = { orders = 1 }, at = "2026-11-11 00:00", expect = { ["11.11"] = true },
--        }
--      end)
--    end)
--
-- Runs the rules in the caller's own state, as `tagua.rules.load` does.
-- @module tagua.testing
local options = require("tagua.options")

local M = {}

local Suite = {}
Suite.__index = Suite

--- Loads a rule file. Raises with the file and its line where it is rejected.
-- @tparam string|table given as `tagua.rules.load` takes it
-- @treturn table a suite: `ruleset`, `leave` and the methods below
function M.load(given)
  local ruleset, message = require("tagua.rules").load(given)
  if not ruleset then error(message, 2) end
  return setmetatable({ ruleset = ruleset, leave = ruleset.words.leave }, Suite)
end

-- What a test that failed says: where it is, and its tags as a diff.
local function complaint(result, where)
  local lines = { ("%s: %s"):format(where, result.name) }
  for _, tag in ipairs(result.tags) do
    if tag.ok then
      lines[#lines + 1] = ("    %s = %s"):format(tag.name, tag.actual)
    else
      lines[#lines + 1] = ("  - %s = %s"):format(tag.name, tag.expected)
      lines[#lines + 1] = ("  + %s = %s"):format(tag.name, tag.actual)
    end
  end
  return table.concat(lines, "\n")
end

--- The test blocks of the file, run.
-- @tparam[opt] number at the moment (seconds) that a test without `at` takes for now
-- @treturn {table,...} { name, ok, message, line, tags = { {name, expected, actual, ok} } }
function Suite:run(at)
  return self.ruleset:test(at)
end

--- Makes a `describe` for the file and an `it` for each of its test blocks.
-- @tparam function describe busted's own, which only the spec file itself can see
-- @tparam function it
function Suite:describe(describe, it)
  if not (describe and it) then error("describe wants busted's: rules:describe(describe, it)", 2) end
  describe(self.ruleset.name, function()
    for i, test in ipairs(self.ruleset.words.tests) do
      it(test.name, function()
        local result = self:run()[i]
        if not result.ok then
          error(complaint(result, self.ruleset.words:where(result.line)), 0)
        end
      end)
    end
  end)
end

--- Decides one user and compares: raises with a diff where a tag is not as expected.
-- @tparam table test `user`, `expect` and `at`, as in a test block
function Suite:expect(test)
  options.argument("expect", test, { type = "table", required = true }, 2)
  local result, message = self.ruleset:try(test)
  if not result then error("expect: " .. message, 2) end
  if not result.ok then error(complaint(result, "expect"), 2) end
end

return M
