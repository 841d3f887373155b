--- How the tests of a rule file are told: each that failed with what it expected, then the sums.
-- Pure.
local terminal = require("tagua.terminal")

local M = {}

--- How many tests failed.
-- @tparam table tests as `pool:test` gives them
-- @treturn integer
function M.failed(tests)
  local failed = 0
  for _, test in ipairs(tests) do
    failed = failed + (test.ok and 0 or 1)
  end
  return failed
end

--- The lines that people read.
-- @tparam table tests
-- @tparam function paint
-- @treturn {string,...}
function M.lines(tests, paint)
  local lines = {}
  for _, test in ipairs(tests) do
    if not test.ok then
      lines[#lines + 1] = ("%s %s%s"):format(
        paint("red", "FAILED"), terminal.visible(test.name),
        test.line and (" (line %d)"):format(test.line) or "")
      for line in (test.message or ""):gmatch("[^\n]+") do
        lines[#lines + 1] = "  " .. terminal.visible(line)
      end
    end
  end
  local failed = M.failed(tests)
  if #tests == 0 then
    lines[#lines + 1] = "no tests: add some with test \"...\" { user = ..., expect = ... }"
  elseif failed == 0 then
    lines[#lines + 1] = paint("green", terminal.count(#tests, "test") .. " passed")
  else
    lines[#lines + 1] = paint("red", ("%s of %s failed"):format(
      terminal.number(failed), terminal.count(#tests, "test")))
  end
  return lines
end

return M
