--- Why a rule decides as it does, and what would have to be different: the nearest miss.
-- Rules are pure, so it is found by asking the rule again with other values. Only the fields that the
-- rule has read are tried: another can't change the decision. Pure: it asks through a function.
-- @module tagua.why
local M = {}

local BATCH = 120 -- records of one question
local NEAR = 32 -- steps next to the value that are all tried
local FARTHEST = 1 << 53 -- from here on a number no longer tells one whole number from the next
local DAYS_MOST = 40000 -- a date is moved at most so many days, about 110 years
local PARTS = 16 -- into which a stretch is cut at a time
local TEXTS_MOST = 200 -- texts that are tried for one field
local DAY = 86400

local Search = {}
Search.__index = Search

-- A copy of the record with another value in one field.
function Search:with(field, value)
  local values, states = {}, {}
  for name, one in pairs(self.record.values) do
    values[name] = one
  end
  for name, state in pairs(self.record.states) do
    states[name] = state
  end
  values[field.name], states[field.name] = value, nil
  return { values = values, states = states }
end

-- Asks with each of the values -> for each whether the decision is the one that is looked for. An
-- answer that never came, because the rule took too long, is none.
function Search:try(field, list)
  local flips, at = {}, 1
  while at <= #list and not self.ended do
    local records = {}
    for i = at, math.min(at + BATCH - 1, #list) do
      records[#records + 1] = self:with(field, list[i])
    end
    local answers, message, code = self.ask(records)
    if not answers then
      self.ended, self.message, self.code = true, message, code
      return flips
    end
    self.asked = self.asked + #answers
    for i = 1, #records do
      local answer = answers[i]
      flips[at + i - 1] = answer ~= nil and answer.wants:sub(self.tag, self.tag) == self.wanted
    end
    if #answers < #records or (answers[#answers].failed or ""):find(" ran out of ", 1, true) then
      self.ended, self.message = true, answers[#answers] and answers[#answers].failed
    end
    at = at + #records
  end
  return flips
end

-- Along a line of steps away from what is: the nearest step that flips the decision, where one is
-- found. Between the steps that were tried it is looked for as if there were one border.
function Search:along(field, value_of, steps)
  local values = {}
  for i, step in ipairs(steps) do
    values[i] = value_of(step)
  end
  local flips, found = self:try(field, values), nil
  for i = 1, #steps do
    if flips[i] then
      found = i
      break
    end
  end
  if not found then
    return nil
  end
  local low, high = found > 1 and steps[found - 1] or 0, steps[found]
  while math.abs(high - low) > 1 and not self.ended do
    local between = {}
    for part = 1, PARTS - 1 do
      local step = low + (high - low) * part // PARTS
      if step ~= low and step ~= high and step ~= between[#between] then
        between[#between + 1] = step
      end
    end
    values = {}
    for i, step in ipairs(between) do
      values[i] = value_of(step)
    end
    flips = self:try(field, values)
    local next_high
    for i = 1, #between do
      if flips[i] then
        next_high = i
        break
      end
    end
    low, high = next_high and (between[next_high - 1] or low) or between[#between], between[next_high] or high
  end
  return high
end

-- Steps of both directions: all that are near, doubling ones, and those of the constants that the rule
-- file holds, with their neighbours. In order of their distance.
local function steps_to(constants, sign, most)
  local seen, steps = {}, {}
  local function add(step)
    if step >= 1 and step <= most and not seen[step] then
      seen[step] = true
      steps[#steps + 1] = step
    end
  end
  for step = 1, NEAR do
    add(step)
  end
  local step = NEAR
  while step < most do
    step = step * 2
    add(step)
  end
  for _, constant in ipairs(constants) do
    for beside = -1, 1 do
      add(constant * sign + beside)
    end
  end
  table.sort(steps)
  for i, one in ipairs(steps) do
    steps[i] = one * sign
  end
  return steps
end

-- Both directions of a line whose point 0 is what is -> { { step, value }, ... }.
function Search:line(field, value_of, constants, most)
  local found = {}
  for _, sign in ipairs({ 1, -1 }) do
    local step = self:along(field, value_of, steps_to(constants, sign, most))
    if step then
      found[#found + 1] = { step = step, value = value_of(step) }
    end
  end
  table.sort(found, function(a, b)
    return math.abs(a.step) < math.abs(b.step)
  end)
  return found[1]
end

local function decimals_of(number)
  local digits = ("%.9f"):format(number):match("%.(%d-)0*$")
  return #digits
end

-- By type of field: the nearest value that flips the decision, and how far that is (0: next to it, 1:
-- another one altogether).
local look = {}

-- Whole numbers, one by one.
function look.integer(search, field, value)
  local from = value or 0
  local constants = {}
  for _, number in ipairs(search.numbers) do
    local whole = math.tointeger(math.floor(number))
    if whole and math.abs(whole) <= FARTHEST then
      constants[#constants + 1] = whole - from
    end
  end
  if math.abs(from) > FARTHEST then
    return nil
  end
  if value == nil and search:try(field, { 0 })[1] then
    return { value = 0, far = 1 }
  end
  local best = search:line(field, function(step)
    return from + step
  end, constants, FARTHEST)
  return best and { value = best.value, far = math.abs(best.step) / math.max(math.abs(from), math.abs(best.value), 1) }
end

-- Other numbers, in steps of the last decimal place that the value or a constant of the rules has.
function look.number(search, field, value)
  local from = value or 0
  local places = math.max(2, decimals_of(from))
  for _, number in ipairs(search.numbers) do
    places = math.max(places, decimals_of(number))
  end
  local scale = 10 ^ places
  local origin = math.tointeger(math.floor(from * scale + 0.5))
  if not origin or math.abs(origin) > FARTHEST then
    return nil
  end
  local constants = {}
  for _, number in ipairs(search.numbers) do
    local scaled = math.tointeger(math.floor(number * scale + 0.5))
    if scaled and math.abs(scaled) <= FARTHEST then
      constants[#constants + 1] = scaled - origin
    end
  end
  if value == nil and search:try(field, { 0.0 })[1] then
    return { value = 0.0, far = 1 }
  end
  local best = search:line(field, function(step)
    return (origin + step) / scale
  end, constants, FARTHEST)
  return best and {
    value = best.value,
    far = math.abs(best.value - from) / math.max(math.abs(from), math.abs(best.value)),
  }
end

-- Dates, by calendar days of the ruleset's zone; the first moment of each.
function look.date(search, field, value)
  local zone = search.zone
  local from = zone:day_start(value or search.at)
  local function day(step)
    return zone:day_start(from + step * DAY + DAY // 2)
  end
  local constants = {}
  for _, text in ipairs(search.texts) do
    local moment = zone:parse(text)
    if moment then
      constants[#constants + 1] = zone:days_between(from, moment)
    end
  end
  if search:try(field, { from })[1] then
    return { value = from, far = value and 0 or 1 }
  end
  local best = search:line(field, day, constants, DAYS_MOST)
  return best and { value = best.value, far = math.abs(best.step) / (math.abs(best.step) + 30) }
end

-- The other one; both where there is none.
function look.boolean(search, field, value)
  local list = value == nil and { true, false } or { not value }
  local flips = search:try(field, list)
  for i, other in ipairs(list) do
    if flips[i] then
      return { value = other, far = 0.5 }
    end
  end
end

-- The first that flips, of the rule file's own texts and of those that the input has.
function look.text(search, field, value)
  local list, seen = {}, {}
  for _, source in ipairs({ search.texts, search.samples[field.name] or {} }) do
    for _, text in ipairs(source) do
      if text ~= value and not seen[text] and #list < TEXTS_MOST then
        seen[text] = true
        list[#list + 1] = text
      end
    end
  end
  local flips = search:try(field, list)
  for i, text in ipairs(list) do
    if flips[i] then
      return { value = text, far = 0.5 }
    end
  end
end

-- One tag more or one less.
function look.tagset(search, field, value)
  local has, list, changes = {}, {}, {}
  for _, name in ipairs(value or {}) do
    has[name] = true
  end
  local function add(change, without, more)
    local set = {}
    for _, name in ipairs(value or {}) do
      if name ~= without then
        set[#set + 1] = name
      end
    end
    set[#set + 1] = more
    list[#list + 1], changes[#changes + 1] = set, change
  end
  for _, name in ipairs(value or {}) do
    add({ without = name }, name)
  end
  for _, name in ipairs(search.texts) do
    if not has[name] and #list < TEXTS_MOST then
      add({ with = name }, nil, name)
    end
  end
  local flips = search:try(field, list)
  for i, change in ipairs(changes) do
    if flips[i] then
      return { value = list[i], with = change.with, without = change.without, far = 0.5 }
    end
  end
end

--- The constants of a rule file: what rules may compare with.
-- @tparam string source the file's text
-- @treturn {number,...}
-- @treturn {string,...}
function M.constants(source)
  local numbers, texts, seen = {}, {}, {}
  local code = source:gsub("%-%-%[%[.-%]%]", " "):gsub("%-%-[^\n]*", " ")
  code = code:gsub("([\"'])(.-)%1", function(_, text)
    if not seen[text] and #text > 0 and #text <= 200 then
      seen[text] = true
      texts[#texts + 1] = text
    end
    return " "
  end)
  for word in code:gmatch("%f[%w_.][%d.][%w.]*") do
    local number = tonumber(word)
    if number and number == number and math.abs(number) < FARTHEST and not seen[number] then
      seen[number] = true
      numbers[#numbers + 1] = number
    end
  end
  return numbers, texts
end

--- The smallest changes of one field that would flip a decision.
-- @tparam table job
-- @tparam {table,...} job.fields those that the rule has read, as the ruleset describes them
-- @tparam table job.record `values` and `states`, see tagua.rules.asking
-- @tparam function job.ask takes records, gives what tagua.rules.asking answers for the rule, or nil, message, code
-- @tparam integer job.tag its position among the tags of the rule
-- @tparam string job.wanted the byte to come to: `+` or `-`
-- @tparam {number,...} job.numbers constants of the rule file
-- @tparam {string,...} job.texts likewise
-- @tparam table job.samples texts that the input has, by field
-- @param job.zone of the rules
-- @tparam integer job.at the moment that is now
-- @treturn {table,...} the nearest first: `field`, `value` (what flips the decision), `far` (0 to 1), for a set of
--   tags `with` or `without`
-- @treturn ?string why the search ended early: the rule took too long
function M.misses(job)
  local search = setmetatable({
    record = job.record, ask = job.ask, tag = job.tag, wanted = job.wanted, numbers = job.numbers, texts = job.texts,
    samples = job.samples or {}, zone = job.zone, at = job.at, asked = 0,
  }, Search)
  local found = {}
  for _, field in ipairs(job.fields) do
    local value = job.record.values[field.name]
    if value == nil and not job.record.states[field.name] then
      value = field.if_empty
    end
    local miss = look[field.type](search, field, value)
    if miss then
      miss.field = field
      if value == nil then
        miss.far = 1
      end
      found[#found + 1] = miss
    end
  end
  table.sort(found, function(a, b)
    if a.far ~= b.far then
      return a.far < b.far
    end
    return a.field.name < b.field.name
  end)
  return found, search.message
end

return M
