--- The test blocks of a rule file: checked when it is loaded, run before every plan.
-- Runs inside the sandbox as part of the trusted prelude, and in the caller's own state.
-- @module tagua.rules.tests
local events = require("tagua.rules.events")
local fields = require("tagua.rules.fields")
local filling = require("tagua.rules.filling")
local hooked = require("tagua.rules.hooked")
local nearest = require("tagua.nearest")
local options = require("tagua.options")
local windows = require("tagua.rules.windows")

local M = {}

local quote = options.quote

--- What stands in the braces of a test.
M.OPTIONS = {
  user = { type = "table" },
  events = { type = "table" },
  at = { type = { "string", "number" } },
  expect = { type = "table" },
  hook = { type = "string" },
  body = { type = { "table", "string" } },
  expect_event = { type = { "table", "boolean" } },
}

local WORDS = { ["+"] = "true", ["-"] = "false", ["."] = "leave", ["?"] = "unknown", ["!"] = "failed" }

local function sorted(map)
  local names = {}
  for name in pairs(map) do
    names[#names + 1] = name
  end
  table.sort(names, function(a, b)
    return tostring(a) < tostring(b)
  end)
  return names
end

-- The user of a test, typed by the declared fields.
local function type_user(language, test, complain)
  local typed = {}
  for _, name in ipairs(sorted(test.user)) do
    local field = language.fields_by_name[name]
    if not field then
      complain(("user has the field %s, which fields { } does not declare%s"):format(quote(name),
        nearest.hint(tostring(name), language.fields_by_name)))
    end
    local value, message = fields.convert(field, test.user[name], language:zone())
    if value == nil then complain("user: " .. message) end
    typed[name] = value
  end
  return typed
end

local function show_expected(language, value)
  if value == language.leave then return "leave" end
  return type(value) == "string" and ('"%s"'):format(value) or tostring(value)
end

-- Every name that expect may use.
local function expectable(language, positions)
  local names = {}
  for name in pairs(positions) do
    names[name] = true
  end
  for _, group in ipairs(language.groups) do
    names[group.name] = true
  end
  return names
end

local function check_expected(language, test, positions, names, complain)
  for _, name in ipairs(sorted(test.expect)) do
    local value = test.expect[name]
    local group = language.groups_by_name[name]
    if group then
      local members = {}
      for i, index in ipairs(group.tags) do
        members[i] = language.tags[index].name
      end
      local known = value == false or value == language.leave
      for _, member in ipairs(members) do
        known = known or member == value
      end
      if not known then
        complain(("expect: the one_of '%s' is one of its members (%s), false or leave; got %s%s"):format(name,
          table.concat(members, ", "), quote(value),
          type(value) == "string" and nearest.hint(value, members) or ""))
      end
    elseif not positions[name] then
      complain(("expect names %s, which no rule owns%s"):format(quote(name), nearest.hint(tostring(name), names)))
    elseif type(value) ~= "boolean" and value ~= language.leave then
      complain(("expect: the tag '%s' is true, false or leave; got %s"):format(name, quote(value)))
    end
  end
end

-- Checks one test and gives its user the fields' types.
local function prepare(language, test, complain)
  if test.hook then return hooked.prepare(language, test, complain) end
  if test.body ~= nil or test.expect_event ~= nil then complain("body and expect_event belong to a test of a hook") end
  if not test.expect then complain("option 'expect' is missing") end
  if not test.user and not test.events then complain("option 'user' is missing") end
  test.user = test.user or {}
  test.typed = type_user(language, test, complain)
  check_expected(language, test, language.positions, language.expectable, complain)
  if type(test.at) == "string" then
    local moment, message = language:zone():parse(test.at)
    if not moment then complain("option 'at': " .. message) end
    test.at = moment
  end
  if test.events then test.told = events.read(language, test, complain) end
end

--- Checks the test blocks of a language that has all its rules. Raises at a test's line.
function M.prepare(language)
  local positions = {}
  for i, tag in ipairs(language.tags) do
    positions[tag.name] = i
  end
  language.positions, language.expectable = positions, expectable(language, positions)
  for _, test in ipairs(language.tests) do
    prepare(language, test, function(message)
      language:complain(("test '%s': %s"):format(test.name, message), test)
    end)
  end
end

-- What became of one tag, in words: "unknown (city has no value)".
local function actual_of(language, decision, index)
  local byte = decision.wants:sub(index, index)
  local word = WORDS[byte]
  if byte == "?" then
    local field = language.fields[decision.unknown[index]]
    return ("unknown (%s has no value)"):format(field and field.name or "a field")
  elseif byte == "!" then
    return "failed" .. (decision.failures[language.tags[index].rule] or "")
  end
  return word
end

-- What a one_of came to: a member, or what all of them have in common.
local function actual_of_group(language, decision, group)
  for _, index in ipairs(group.tags) do
    if decision.wants:sub(index, index) == "+" then return ('"%s"'):format(language.tags[index].name) end
  end
  return actual_of(language, decision, group.tags[1])
end

local function agrees(expected, actual)
  if expected == "leave" then return actual == "leave" or actual:find("^unknown") ~= nil end
  return expected == actual
end

-- A field that the test's user lacks: what its events tell of it, if there are any.
local function fill_told(language, i, field, told)
  local found = told and told[field.name]
  if not told or found and found.value == nil and not found.bad then
    language.decider:empty(i)
  elseif found and found.bad then
    language.decider:bad(i)
  else
    filling.put(language, i, field, found and found.value)
  end
end

local function run_one(language, test, at)
  if test.hook then return hooked.run(language, test, at) end
  local decider = language.decider
  for i, field in ipairs(language.fields) do
    local value = test.typed[field.name]
    if value == nil then
      fill_told(language, i, field, test.told)
    else
      if field.type == "tagset" then value = fields.convert(field, value) end
      decider:set(i, value)
    end
  end
  local moment = math.tointeger((test.at or at) // 1)
  language.clock(moment)
  local wants, unknown, failed = decider:decide()
  wants = windows.apply(language.tags, wants, moment)
  language.clock(nil)
  local decision = { wants = wants, unknown = unknown, failures = {} }
  for _, failure in ipairs(failed) do
    decision.failures[language.rules[failure.rule].name] = ": " .. failure.message
  end
  local tags, lines, raised = {}, {}, false
  for i, name in ipairs(sorted(test.expect)) do
    local group = language.groups_by_name[name]
    local expected = show_expected(language, test.expect[name])
    local actual = group and actual_of_group(language, decision, group)
      or actual_of(language, decision, language.positions[name])
    local ok = agrees(expected, actual)
    tags[i] = { name = name, expected = expected, actual = actual, ok = ok }
    if not ok then
      lines[#lines + 1] = ("%s: expected %s, got %s"):format(name, expected, actual)
      raised = raised or actual:find("^failed") ~= nil
    end
  end
  return {
    name = test.name, line = test.line, file = test.file, ok = #lines == 0,
    message = lines[1] and table.concat(lines, "\n"), tags = tags, raised = raised,
  }
end

--- Runs one test that no file holds.
-- @tparam table language
-- @tparam table given `user` or `events`, `at`, `expect`
-- @tparam integer at the moment of a test that names none
-- @treturn table|nil as `run` gives them
-- @treturn string what is wrong with the test itself
function M.try(language, given, at)
  local test, message = options.verify("test", given, M.OPTIONS)
  if not test then return nil, message end
  test.name = "not as expected"
  local ok, problem = pcall(prepare, language, test, function(complaint)
    error({ complaint = complaint }, 0)
  end)
  if ok then return run_one(language, test, at) end
  return nil, type(problem) == "table" and problem.complaint or problem
end

--- Runs the test blocks.
-- @tparam table language
-- @tparam integer at the moment of tests that name none
-- @treturn {table,...} { name, ok, message, line, tags = { {name, expected, actual, ok} }, raised }; `raised`
--   tells that a rule failed where the test expected a decision
function M.run(language, at)
  local results = {}
  for i, test in ipairs(language.tests) do
    results[i] = run_one(language, test, at)
  end
  return results
end

return M
