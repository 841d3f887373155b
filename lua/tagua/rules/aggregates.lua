--- The words for what events tell: count, sum, latest, first and any, as types of fields, and matches in their
-- conditions. They check what they are given; what comes of the events is worked out in tagua.events.aggregates.
-- Runs inside the sandbox as part of the trusted prelude, and in the caller's own state.
-- @module tagua.rules.aggregates
local moments = require("tagua.rules.moments")
local nearest = require("tagua.nearest")
local options = require("tagua.options")

local M = {}

local quote = options.quote

--- The type of the field that each word makes.
M.types = { count = "integer", sum = "number", latest = "date", first = "date", any = "boolean" }

local LONGEST_NAME = 200
local MOST_CONDITIONS = 20

local SPEC = {} -- the metatable of what a word makes
local MATCHES = {} -- of what matches makes
local WORD_OF = {} -- which word a function is

local function check_name(complain, word, what, value)
  if type(value) ~= "string" then
    complain(("%s wants %s in quotes, got %s"):format(word, what, quote(value)))
  elseif value == "" or #value > LONGEST_NAME then
    complain(("%s: %s must be 1 to %d bytes long, got %d"):format(word, what, LONGEST_NAME, #value))
  end
end

-- What stands behind the name of an event's field -> a condition.
local function condition(complain, word, name, value)
  if getmetatable(value) == MATCHES then return { name = name, text = value.text } end
  local kind = math.type(value) or type(value)
  if kind == "string" or kind == "integer" or kind == "boolean" or (kind == "float" and value == value) then
    return { name = name, value = value }
  end
  if kind == "function" and WORD_OF[value] == "matches" then
    complain(("%s: %s = matches wants a text: matches \"...\""):format(word, name))
  end
  complain(("%s: the event's field '%s' is compared with a text, a number, true or false, or with matches \"...\";"
    .. " got %s"):format(word, name, quote(value)))
end

-- The options of a word: within, and by name what an event's fields must be.
local function read_options(complain, word, given)
  if given == nil then return nil, {} end
  if type(given) ~= "table" then
    complain(("%s wants its options in braces: { within = \"30d\" }; got %s"):format(word, quote(given)))
  end
  local within, conditions = nil, {}
  for name, value in pairs(given) do
    if type(name) ~= "string" then
      complain(("%s: options are written with their names, within = \"30d\"; got %s"):format(word, quote(value)))
    elseif name == "within" then
      within = type(value) == "string" and moments.duration(value)
      if not within then
        complain(("%s: option 'within' must be a length of time, such as \"30d\" (m, h, d or w), got %s"):format(word,
          quote(value)))
      end
    else
      check_name(complain, word, "the name of an event's field", name)
      if type(value) == "string" and moments.duration(value) and nearest.find(name, { "within" }) then
        complain(("%s: unknown option '%s' (did you mean 'within'?)"):format(word, name))
      end
      conditions[#conditions + 1] = condition(complain, word, name, value)
    end
  end
  if #conditions > MOST_CONDITIONS then
    complain(("%s has %d conditions, at most %d are taken"):format(word, #conditions, MOST_CONDITIONS))
  end
  table.sort(conditions, function(a, b)
    return a.name < b.name
  end)
  return within, conditions
end

local function spec(complain, word, event, amount, given)
  check_name(complain, word, "the type of the events, or \"*\" for all,", event)
  local within, conditions = read_options(complain, word, given)
  return setmetatable({
    kind = word, event = event, amount = amount, within = within, conditions = conditions,
  }, SPEC)
end

--- The words.
-- @tparam function complain raises at the rule file's line
-- @treturn {[string]=function}
function M.words(complain)
  local words = {}
  for word in pairs(M.types) do
    if word ~= "sum" then
      words[word] = function(event, given, more)
        if more ~= nil then complain(("%s takes the type of the events and its options alone"):format(word)) end
        return spec(complain, word, event, nil, given)
      end
    end
  end
  words.sum = function(event, amount, given)
    if type(amount) ~= "string" then
      complain(("sum wants the field of the events that it adds up: sum(%s, \"amount\"); got %s"):format(
        type(event) == "string" and ("%q"):format(event) or "\"purchase\"", quote(amount)))
    end
    check_name(complain, "sum", "the name of an event's field", amount)
    return spec(complain, "sum", event, amount, given)
  end
  words.matches = function(text)
    if type(text) ~= "string" or text == "" then
      complain("matches wants the text that the event's field contains: matches \"...\"; got " .. quote(text))
    end
    return setmetatable({ text = text }, MATCHES)
  end
  for word, f in pairs(words) do
    WORD_OF[f] = word
  end
  return words
end

--- What a word made, as a plain table.
-- @param value what stands behind a field's name
-- @treturn table|nil { kind, event, amount, within (seconds), conditions = { { name, value } or { name, text } } }, the
--   conditions in the order of their names
function M.of(value)
  if getmetatable(value) ~= SPEC then return nil end
  return {
    kind = value.kind, event = value.event, amount = value.amount, within = value.within,
    conditions = value.conditions,
  }
end

--- What is missing behind a word that stands alone.
-- @treturn string|nil
function M.lacking(value)
  local word = WORD_OF[value]
  if not word then return nil end
  if word == "matches" then return "matches belongs into the conditions of count, sum, latest, first or any" end
  return ("%s wants the type of the events: %s(\"purchase\")"):format(word, word)
end

return M
