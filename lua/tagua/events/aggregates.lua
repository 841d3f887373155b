--- What events come to: counts, sums, first and last moments, within a window or of all time. Pure: an event
-- is added to a state, a state has a value; who keeps states, and when events leave a window, is others' business.
--
-- A state is `{ count, total, bad, first, latest }`: how many events fitted, the millionths that they add up to, how
-- many had an amount that is none, and when the oldest and the newest of them happened, in milliseconds.
-- @module tagua.events.aggregates
local M = {}

-- Amounts are added as whole millionths, so that what is added can be taken away again to the digit, and
-- the order does not matter.
local MILLION = 1000000
local LARGEST = 10000000000

--- What the record has instead of a sum to which an amount belongs that is none: no number, so that the rules
-- don't decide on it.
M.BAD = "an amount is no number"

--- A text that tells an aggregate from every other one: equal ones have equal states.
-- @tparam table aggregate as tagua.rules.aggregates makes them
-- @treturn string
function M.key(aggregate)
  local parts = { aggregate.kind, aggregate.event, aggregate.amount or "", aggregate.within or "" }
  for _, condition in ipairs(aggregate.conditions) do
    local value = condition.text or condition.value
    parts[#parts + 1] = condition.name
    parts[#parts + 1] = condition.text and "matches" or type(value)
    parts[#parts + 1] = math.type(value) == "float" and math.tointeger(value) or value
  end
  for i, part in ipairs(parts) do
    part = tostring(part)
    parts[i] = #part .. ":" .. part
  end
  return table.concat(parts)
end

local function holds(condition, value)
  if condition.text then return type(value) == "string" and value:find(condition.text, 1, true) ~= nil end
  return value == condition.value
end

--- Whether an event is one of those that an aggregate is about, whenever it happened.
-- @tparam table aggregate
-- @tparam table event `type`, `fields`
-- @treturn boolean
function M.fits(aggregate, event)
  if aggregate.event ~= "*" and aggregate.event ~= event.type then return false end
  for _, condition in ipairs(aggregate.conditions) do
    if not holds(condition, event.fields[condition.name]) then return false end
  end
  return true
end

-- The amount of an event in millionths; nil where it has none, false where it is no number that can be added.
local function amount_of(aggregate, event)
  local value = event.fields[aggregate.amount]
  if value == nil then return nil end
  if type(value) == "string" then
    value = value:find("^%s*[+-]?%d+%.?%d*%s*$") and tonumber(value) or nil
  end
  if not math.type(value) or not (value >= -LARGEST and value <= LARGEST) then return false end
  if math.type(value) == "integer" then return value * MILLION end
  return math.tointeger((value * MILLION + 0.5) // 1)
end

--- A state to which nothing was added.
-- @treturn table
function M.new()
  return { count = 0, total = 0, bad = 0 }
end

--- Adds an event that fits to a state, or takes away one that was added.
-- The moments of the oldest and the newest are those of what was added alone.
-- @tparam table aggregate
-- @tparam table state
-- @tparam table event `at`, `fields`
-- @tparam[opt=1] integer sign -1 takes away
function M.add(aggregate, state, event, sign)
  sign = sign or 1
  state.count = state.count + sign
  if aggregate.kind == "sum" then
    local amount = amount_of(aggregate, event)
    if amount then
      state.total = state.total + sign * amount
    elseif amount == false then
      state.bad = state.bad + sign
    end
  end
  if sign > 0 then
    state.first = math.min(state.first or event.at, event.at)
    state.latest = math.max(state.latest or event.at, event.at)
  end
end

--- What a rule reads.
-- @tparam table aggregate
-- @tparam ?table state nil is taken for one to which nothing was added
-- @treturn integer|number|boolean|nil nil: a date that there is not
-- @treturn ?boolean true: it is not known, because an amount is no number
function M.value(aggregate, state)
  local kind, count = aggregate.kind, state and state.count or 0
  if kind == "count" then return count end
  if kind == "any" then return count > 0 end
  if kind == "sum" then
    if count == 0 then return 0 end
    if state.bad > 0 then return nil, true end
    return state.total % MILLION == 0 and state.total // MILLION or state.total / MILLION
  end
  if count == 0 then return nil end
  return state[kind] // 1000
end

--- Whether an event that happened then counts at a moment: it has happened, and has not left the window.
-- @tparam table aggregate
-- @tparam integer at milliseconds
-- @tparam integer now milliseconds
-- @treturn boolean
function M.counts(aggregate, at, now)
  return at <= now and (not aggregate.within or at > now - aggregate.within * 1000)
end

-- A text by which values are put in an order, whatever they are.
local function order_of(value)
  if math.type(value) == "float" then value = math.tointeger(value) or value end
  return type(value) .. tostring(value)
end

--- Whether one event comes behind another one where both carry a field: the newest says what it is. Of two at one
-- moment it is the one with the greater id, then the greater value, so that the order of arrival does not matter.
-- @tparam integer at
-- @tparam ?string id
-- @param value
-- @tparam integer other_at
-- @tparam ?string other_id
-- @param other_value
-- @treturn boolean
function M.newer(at, id, value, other_at, other_id, other_value)
  if at ~= other_at then return at > other_at end
  id, other_id = id or "", other_id or ""
  if id ~= other_id then return id > other_id end
  return order_of(value) > order_of(other_value)
end

--- The declared fields, as events tell them.
-- @tparam {table,...} fields of a ruleset
-- @treturn {table,...} `aggregates`: { field, aggregate }
-- @treturn {table,...} `plain`: the other fields that records have
function M.of(fields)
  local aggregates, plain = {}, {}
  for _, field in ipairs(fields) do
    if field.aggregate then
      aggregates[#aggregates + 1] = { field = field, aggregate = field.aggregate }
    elseif field.type ~= "tagset" then
      plain[#plain + 1] = field
    end
  end
  return aggregates, plain
end

return M
