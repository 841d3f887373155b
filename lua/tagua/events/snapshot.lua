--- What one user's events come to at one moment: for each declared field, what a rule may read. Takes the events
-- in any order and keeps none of them. Pure.
-- @module tagua.events.snapshot
local aggregates = require("tagua.events.aggregates")

local M = {}

local Snapshot = {}
Snapshot.__index = Snapshot

--- Begins with no event.
-- @tparam {table,...} fields of a ruleset
-- @tparam integer now milliseconds since the epoch; later events have not happened
-- @treturn table
function M.new(fields, now)
  local self = setmetatable({ now = now, states = {}, known = {} }, Snapshot)
  self.aggregates, self.plain = aggregates.of(fields)
  return self
end

--- Forgets the events, for the next user.
-- @treturn table itself
function Snapshot:clear()
  self.states, self.known = {}, {}
  return self
end

--- Adds an event.
-- @tparam table event `type`, `at` (milliseconds), `id` or none, `fields`
function Snapshot:add(event)
  if event.at > self.now then return end
  for i, one in ipairs(self.aggregates) do
    local aggregate = one.aggregate
    if aggregates.counts(aggregate, event.at, self.now) and aggregates.fits(aggregate, event) then
      local state = self.states[i] or aggregates.new()
      self.states[i] = state
      aggregates.add(aggregate, state, event)
    end
  end
  for i, field in ipairs(self.plain) do
    local value, known = event.fields[field.source], self.known[i]
    if value ~= nil and (not known or aggregates.newer(event.at, event.id, value, known.at, known.id, known.value)) then
      self.known[i] = { at = event.at, id = event.id, value = value }
    end
  end
end

--- What a rule may read.
-- @treturn {[string]=table} by the field's name `{ value }`, `{}` (there is none) or `{ bad = true }`; a plain
--   field that no event carries is not in it
function Snapshot:read()
  local found = {}
  for i, one in ipairs(self.aggregates) do
    local value, bad = aggregates.value(one.aggregate, self.states[i])
    found[one.field.name] = { value = value, bad = bad }
  end
  for i, field in ipairs(self.plain) do
    local known = self.known[i]
    if known then found[field.name] = { value = known.value } end
  end
  return found
end

return M
