--- Tells apart what an edit of the rules changes from what the data does: users whose tags change are
-- decided with the rules of the last run, too. What those would do now as well comes of the data, or of
-- the date; the rest comes of the edit. Pure but for the workers that it is given.
-- @module tagua.former
local cohort = require("tagua.cohort")

local M = {}

local Former = {}
Former.__index = Former

--- Begins.
-- @tparam table given `ruleset` and `pool` (its input set) of the rules of the last run, `run` (its number),
--   `created` (when); or `problem` instead of a pool, where they can't decide any more
-- @tparam {table,...} targets the plan's tags: `name`; gets `edited_on` and `edited_off`
-- @tparam ?integer at the moment that counts for times
-- @treturn table
function M.new(given, targets, at)
  local self = setmetatable({
    pool = given.pool, targets = targets, at = at, tags = given.ruleset and given.ruleset.tags or {}, positions = {},
    edited = 0, data = 0, run = given.run, created = given.created, problem = given.problem,
    same = given.same,
  }, Former)
  for i, tag in ipairs(self.tags) do
    self.positions[tag.name] = i
  end
  for _, target in ipairs(targets) do
    target.edited_on, target.edited_off = 0, 0
  end
  self.cohorts = cohort.new(self.tags)
  return self
end

-- Takes the next chunk out of a queue, or reads one and leaves it to the other reader, too.
local function reader(own, other, source)
  return function()
    local chunk = own[own.first]
    if chunk then
      own[own.first] = nil
      own.first = own.first + 1
    elseif not source.ended then
      chunk = table.pack(source.next_chunk())
      source.ended = chunk[1] == nil
      if not source.ended and not other.closed then
        other.last = other.last + 1
        other[other.last] = chunk
      end
    end
    if not chunk then return nil end
    return table.unpack(chunk, 1, 3)
  end
end

--- Lets both rulesets read the same chunks, each as far ahead as its workers can take them.
-- @tparam function next_chunk
-- @treturn function the same for the new rules
function Former:split(next_chunk)
  if not self.pool then
    return next_chunk
  end
  local source = { next_chunk = next_chunk }
  local ours, theirs = { first = 1, last = 0 }, { first = 1, last = 0 }
  self.waiting = theirs
  self.next_block = self.pool:decide(reader(theirs, ours, source))
  return reader(ours, theirs, source)
end

-- Gives up: the plan goes on without.
function Former:stop(problem)
  self.problem, self.block, self.next_block = problem, nil, nil
  for i = self.waiting.first, self.waiting.last do
    self.waiting[i] = nil
  end
  self.waiting.closed = true
end

--- Decides the records of a block of the new rules with the old ones.
-- @tparam table block
function Former:follow(block)
  if not self.next_block then
    return
  end
  local own, message = self.next_block()
  if not own or own.n ~= block.n then
    return self:stop(message or "the rules of then read the records otherwise")
  end
  self.block = own
end

-- What the old rules would do: "on", "off" or nil.
function Former:direction(i, user, name)
  local position = self.positions[name]
  local tag = self.tags[position]
  if not tag or tag.shadow or (self.at and tag.starts and self.at < tag.starts) then
    return nil
  end
  local wants = self.block.wants[i]
  wants = self.cohorts and self.cohorts:apply(user, wants) or wants
  local byte = wants:sub(position, position)
  if byte == cohort.OUTSIDE_ON or byte == cohort.OUTSIDE_OFF then
    return nil
  elseif byte == "-" or byte == cohort.HELD or (self.at and tag.ends and self.at >= tag.ends) then
    return not tag.never_remove and "off" or nil
  end
  return byte == "+" and "on" or nil
end

--- Counts the operations of one user.
-- @tparam integer i its place in the block
-- @tparam string user
-- @tparam table pattern of the plan: `on` and `off`, lists of positions of targets
function Former:count(i, user, pattern)
  if not self.block then
    self.data = self.data + (self.same and #pattern.on + #pattern.off or 0)
    return
  end
  for _, direction in ipairs({ "on", "off" }) do
    for _, index in ipairs(pattern[direction]) do
      local target = self.targets[index]
      if self:direction(i, user, target.name) == direction then
        self.data = self.data + 1
      else
        self.edited = self.edited + 1
        target["edited_" .. direction] = target["edited_" .. direction] + 1
      end
    end
  end
end

--- What it came to.
-- @treturn table `run`, `created`, `same` (the rules are those of then), `edited` and `data` (operations), or
--   `problem`
function Former:result()
  return { run = self.run, created = self.created, same = self.same, problem = self.problem,
    edited = not self.problem and self.edited or nil, data = not self.problem and self.data or nil }
end

return M
