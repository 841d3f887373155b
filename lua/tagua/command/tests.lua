--- How the tests of a rule file are told: in short where they stand in front of something else, as
-- busted would where they are what was asked for. Pure.
local json = require("tagua.json")
local terminal = require("tagua.terminal")

local M = {}

local visible = terminal.visible

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

--- The lines that stand in front of something else: each test that failed, then the sums.
-- @tparam table tests
-- @tparam function paint
-- @treturn {string,...}
function M.lines(tests, paint)
  local lines = {}
  for _, test in ipairs(tests) do
    if not test.ok then
      lines[#lines + 1] = ("%s %s%s"):format(
        paint("red", "FAILED"), visible(test.name),
        test.line and (" (line %d)"):format(test.line) or "")
      for line in (test.message or ""):gmatch("[^\n]+") do
        lines[#lines + 1] = "  " .. visible(line)
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

--- What a test expected beside what came, as a diff: `-` expected, `+` actual, the rest agrees.
-- @tparam table test
-- @tparam function paint
-- @treturn {string,...} lines
function M.diff(test, paint)
  local lines = {}
  for _, tag in ipairs(test.tags) do
    local name = visible(tag.name)
    if tag.ok then
      lines[#lines + 1] = ("    %s = %s"):format(name, visible(tag.actual))
    else
      lines[#lines + 1] = paint("red", ("  - %s = %s"):format(name, visible(tag.expected)))
      lines[#lines + 1] = paint("green", ("  + %s = %s"):format(name, visible(tag.actual)))
    end
  end
  return lines
end

--- Tests as busted prints them: a mark each, the sums, then each that failed with its diff.
-- @tparam table tests
-- @tparam function paint
-- @tparam number seconds that they took
-- @tparam string path of the rule file
-- @treturn {string,...} lines
function M.busted(tests, paint, seconds, path)
  local marks, sums = {}, { ok = 0, failure = 0, error = 0 }
  for i, test in ipairs(tests) do
    local kind = test.ok and "ok" or test.raised and "error" or "failure"
    sums[kind] = sums[kind] + 1
    marks[i] = kind == "ok" and paint("green", "●") or kind == "error" and paint("yellow", "✱") or paint("red", "◼")
  end
  local lines = {
    table.concat(marks),
    ("%s / %s / %s : %.3f seconds"):format(
      paint("green", terminal.count(sums.ok, "success", "successes")),
      paint("red", terminal.count(sums.failure, "failure")), paint("yellow", terminal.count(sums.error, "error")),
      seconds),
  }
  for _, test in ipairs(tests) do
    if not test.ok then
      lines[#lines + 1] = ""
      lines[#lines + 1] = ("%s → %s @ %d"):format(
        test.raised and paint("yellow", "Error") or paint("red", "Failure"), visible(test.file or path), test.line)
      lines[#lines + 1] = paint("bold", visible(test.name))
      for _, line in ipairs(M.diff(test, paint)) do
        lines[#lines + 1] = line
      end
    end
  end
  return lines
end

--- Tests as programs read them.
-- @tparam table tests
-- @treturn table
function M.told(tests)
  local results = {}
  for i, test in ipairs(tests) do
    local tags = {}
    for j, tag in ipairs(test.tags) do
      tags[j] = { name = tag.name, expected = tag.expected, actual = tag.actual, ok = tag.ok }
    end
    results[i] = {
      name = test.name, ok = test.ok, file = test.file, line = test.line, message = test.message,
      tags = json.array(tags),
    }
  end
  return json.array(results)
end

return M
