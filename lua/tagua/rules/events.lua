--- The events of a test: checked when the file is loaded, and what the rules may read of them.
-- Runs inside the sandbox as part of the trusted prelude, and in the caller's own state.
-- @module tagua.rules.events
local flat = require("tagua.events.flat")
local options = require("tagua.options")
local snapshot = require("tagua.events.snapshot")

local M = {}

local quote = options.quote

local ENVELOPE = { type = true, at = true, id = true }
local MILLISECONDS_FROM = 100000000000 -- a number as large as that counts milliseconds, not seconds

-- A moment as a test writes it -> milliseconds.
local function moment_of(language, value)
  if math.type(value) then
    local whole = value == value and math.tointeger((value < MILLISECONDS_FROM and value * 1000 or value) // 1)
    if whole then return whole end
  elseif type(value) == "string" then
    local seconds, message = language:zone():parse(value)
    if seconds then return seconds * 1000 end
    return nil, message
  end
  return nil, "is missing, or no date: write it as text, such as \"2026-11-21 09:00\""
end

local function event_of(language, i, given, complain)
  local function wrong(message, ...)
    complain(("event %d "):format(i) .. message:format(...))
  end
  if type(given) ~= "table" then wrong("must be a table, { type = \"purchase\", at = \"2026-11-21\" }") end
  if given.user ~= nil then wrong("has a user: the events of a test are its user's, leave it out") end
  if type(given.type) ~= "string" or given.type == "" then
    wrong("wants its type in quotes, type = \"purchase\"; got %s", quote(given.type))
  end
  local at, message = moment_of(language, given.at)
  if not at then wrong("at: %s", message) end
  if given.id ~= nil and type(given.id) ~= "string" then wrong("wants its id in quotes, got %s", quote(given.id)) end
  return { type = given.type, at = at, id = given.id, fields = flat.fields(given, ENVELOPE) }
end

--- What the rules may read of a test's events, at the test's moment.
-- @tparam table language
-- @tparam table test `events`, `at` in seconds
-- @tparam function complain raises about the test
-- @treturn table as tagua.events.snapshot gives it
function M.read(language, test, complain)
  if not test.at then complain("events are told from a moment: add at = \"2026-11-21 09:00\"") end
  local taken = snapshot.new(language.fields, math.tointeger(test.at // 1) * 1000)
  local seen, count = {}, 0
  for i, given in ipairs(test.events) do
    count = i
    local event = event_of(language, i, given, complain)
    if not (event.id and seen[event.id]) then
      taken:add(event)
      if event.id then seen[event.id] = true end
    end
  end
  for key in pairs(test.events) do
    if math.type(key) ~= "integer" or key < 1 or key > count then
      complain("events wants a list, events = { { type = \"purchase\", at = \"2026-11-21\" }, ... }")
    end
  end
  return taken:read()
end

return M
