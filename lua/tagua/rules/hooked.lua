--- The tests of hooks: a body, and the event that is to come of it.
--
--    test "a paid order" {
--      hook = "orders", body = { status = "paid", buyer = { line_id = "U1" }, total = 1280 },
--      expect_event = { user = "U1", type = "purchase", amount = 1280 },     -- or a list of them; false: none
--    }
--
-- Runs inside the sandbox as part of the trusted prelude, and in the caller's own state.
-- @module tagua.rules.hooked
local core = require("tagua.core")
local flat = require("tagua.events.flat")
local nearest = require("tagua.nearest")
local options = require("tagua.options")

local M = {}

local quote = options.quote

local ENVELOPE = { "user", "type", "at", "id" }
local IS_ENVELOPE = { user = true, type = true, at = true, id = true }

-- What is expected, as a list of events.
local function expected_of(given, complain)
  if given == false then return {} end
  if type(given) ~= "table" then
    complain("option 'expect_event' is missing: { user = ..., type = ... }, a list of such, or false for none")
  end
  local list = given[1] ~= nil and given or { given }
  for i, event in ipairs(list) do
    if type(event) ~= "table" then
      complain(("expect_event: event %d must be a table, got %s"):format(i, quote(event)))
    end
  end
  return list
end

--- Checks a test of a hook.
-- @tparam table language
-- @tparam table test `hook`, `body`, `expect_event`, `at`
-- @tparam function complain raises about the test
function M.prepare(language, test, complain)
  if not language.hooks[test.hook] then
    complain(("there is no hook %s%s"):format(quote(test.hook), nearest.hint(test.hook, language.hooks)))
  end
  for _, name in ipairs({ "user", "events", "expect" }) do
    if test[name] ~= nil then complain(("a test of a hook has a body and expect_event, and no %s"):format(name)) end
  end
  if test.body == nil then complain("option 'body' is missing: what the hook is sent, as a table or as JSON") end
  if type(test.body) == "string" then
    local body, message = core.json.decode(test.body)
    if body == nil then complain("option 'body': " .. message) end
    test.body = body
  end
  test.expected = expected_of(test.expect_event, complain)
  if type(test.at) == "string" then
    local moment, message = language:zone():parse(test.at)
    if not moment then complain("option 'at': " .. message) end
    test.at = moment
  end
end

-- A copy for the hook to do with as it likes.
local function copy(value)
  if type(value) ~= "table" then return value end
  local made = {}
  for key, item in pairs(value) do
    made[key] = copy(item)
  end
  return made
end

-- A moment as it is expected -> milliseconds.
local function moment_of(language, value)
  if math.type(value) then return math.tointeger((value < 100000000000 and value * 1000 or value) // 1) end
  local seconds = type(value) == "string" and language:zone():parse(value)
  return seconds and seconds * 1000
end

local function shown(value) return type(value) == "string" and quote(value) or tostring(value) end

-- How an event differs from what is expected of it: all that is named has to be there.
local function differences(language, expected, event, lines, prefix)
  local function compare(name, wanted, got)
    local same = wanted == got or math.type(got) == "integer" and name ~= "at" and tostring(got) == wanted
    if not same then
      lines[#lines + 1] = ("%s%s: expected %s, got %s"):format(prefix, name, shown(wanted), shown(got))
    end
  end
  for _, name in ipairs(ENVELOPE) do
    local wanted = expected[name]
    if wanted ~= nil then
      if name == "at" then wanted = moment_of(language, wanted) or wanted end
      if name ~= "at" and math.type(wanted) == "integer" then wanted = tostring(wanted) end
      compare(name, wanted, event[name])
    end
  end
  local fields, names = flat.fields(expected, IS_ENVELOPE), {}
  for name in pairs(fields) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    compare(name, fields[name], event.fields[name])
  end
end

--- Runs a test of a hook.
-- @tparam table language
-- @tparam table test
-- @tparam integer at the moment in seconds of a test that names none
-- @treturn table as `tagua.rules.tests` gives them
function M.run(language, test, at)
  local sources = require("tagua.rules.sources")
  local moment = math.tointeger((test.at or at) // 1) * 1000
  local events, message = sources.try(language, test.hook, copy(test.body), moment)
  local lines = {}
  if not events then
    lines[1] = message
  elseif #events ~= #test.expected then
    lines[1] = ("expected %d %s, got %d"):format(#test.expected, #test.expected == 1 and "event" or "events", #events)
  else
    for i, event in ipairs(events) do
      differences(language, test.expected[i], event, lines, #events > 1 and ("event %d: "):format(i) or "")
    end
  end
  return {
    name = test.name, line = test.line, file = test.file, ok = #lines == 0,
    message = lines[1] and table.concat(lines, "\n"), tags = {}, raised = events == nil,
  }
end

return M
