--- What the clock will do: how many users come on and go off each day if nothing else changes.
-- Every record is read once and decided for all days by the workers, who ask again only the rules that
-- asked for the time. It begins with what an apply at the first moment would leave behind; each later
-- day is decided at its first moment. Sends nothing, knows no platform.
-- @module tagua.forecast
local cohort = require("tagua.cohort")

local M = {}

--- The longest forecast, in days.
M.DAYS_MOST = 1100

local DAY = 86400
local PLUS, MINUS = ("+-"):byte(1, 2)

--- The first moments of the days after a moment.
-- @param zone of the rules
-- @tparam integer at
-- @tparam integer last a moment of the last day
-- @treturn {integer,...}
function M.days(zone, at, last)
  local days, day = {}, zone:day_start(at)
  while #days <= M.DAYS_MOST do
    day = zone:day_start(day + DAY + DAY // 2) -- the noon after, however long the days are
    if day > last then break end
    days[#days + 1] = day
  end
  return days
end

local Forecast = {}
Forecast.__index = Forecast

-- What a decision means at a moment, given the tag's times and the user's place in its trial.
local function effective(tag, byte, moment, trial)
  if trial == "outside" or (tag.starts and moment < tag.starts) then
    return nil
  elseif tag.ends and moment >= tag.ends then
    return false
  elseif byte == PLUS then
    return trial ~= "held"
  elseif byte == MINUS then
    return false
  end
  return nil
end

-- One tag of one user over all moments -> a list of day, direction, day, direction, ... `changes` are
-- the days on which the decision is another, and which. With times of its own a tag changes without.
function Forecast:course(tag, byte, changes, trial)
  local events, has, since, expired = {}, nil, nil, false
  local at = 1
  local function look(day)
    local moment = day == 0 and self.at or self.days[day]
    local want = effective(tag, byte, moment, trial)
    if want == false then
      expired = false
      if has and not tag.never_remove then
        events[#events + 1], events[#events + 2] = day, "off"
      end
      has = has and tag.never_remove or false
    elseif want and not has and not expired then
      if day > 0 then
        events[#events + 1], events[#events + 2] = day, "on"
      end
      has, since = true, moment
    end
    if has and tag.lasts and not (tag.renew and want) and moment >= since + tag.lasts then
      events[#events + 1], events[#events + 2] = day, "off"
      has, expired = false, true
    elseif has and tag.renew and want then
      since = moment
    end
  end
  look(0)
  if tag.starts or tag.ends or tag.lasts then
    for day = 1, #self.days do
      if changes[at] == day then
        byte, at = changes[at + 1], at + 2
      end
      look(day)
    end
  else
    for i = 1, #changes, 2 do
      byte = changes[i + 1]
      look(changes[i])
    end
  end
  return events
end

-- Adds a course to the sums.
function Forecast:add(index, events)
  for i = 1, #events, 2 do
    local sums = self.sums[index]
    local of_day = sums[events[i]] or { on = 0, off = 0 }
    of_day[events[i + 1]] = of_day[events[i + 1]] + 1
    sums[events[i]] = of_day
  end
end

local NONE = {}

-- The course of a tag whose decision stays the same is worked out once.
function Forecast:steady(index, byte, trial)
  local tag = self.tags[index]
  local key = ("%d %d %s"):format(index, byte, trial or "")
  local events = self.known[key]
  if not events then
    events = self:course(tag, byte, NONE, trial)
    self.known[key] = events
  end
  return events
end

-- Where the user is in the trial of each tag.
function Forecast:trials(user, wants)
  if not self.cohorts or not user then return NONE end
  local applied, trials = self.cohorts:apply(user, ("+"):rep(#wants)), {}
  for i = 1, #wants do
    local byte = applied:sub(i, i)
    trials[i] = byte == cohort.HELD and "held" or byte == cohort.OUTSIDE_ON and "outside" or nil
  end
  return trials
end

-- The changes of a block, by record and tag: { day, byte, day, byte, ... }.
local function by_record(block)
  local changes, rows = {}, block.changes
  for i = 1, #rows, 4 do
    local of_record = changes[rows[i]] or {}
    changes[rows[i]] = of_record
    local of_tag = of_record[rows[i + 1]] or {}
    of_record[rows[i + 1]] = of_tag
    of_tag[#of_tag + 1], of_tag[#of_tag + 2] = rows[i + 2], rows[i + 3]
  end
  return changes
end

-- Takes what was decided of one user: at the first moment, and by tag what changes later.
function Forecast:user(user, wants, of_record)
  local records = self.records
  records.read = records.read + 1
  local status = wants:find("!", 1, true) and "failed" or wants:find("?", 1, true) and "unknown" or "decided"
  records[status] = records[status] + 1
  if not (of_record or self.timed[1]) then return end
  local trials = self:trials(user, wants)
  for _, index in ipairs(self.timed) do
    if not (of_record and of_record[index]) then
      self:add(index, self:steady(index, wants:byte(index), trials[index]))
    end
  end
  for index, list in pairs(of_record or NONE) do
    if not self.tags[index].shadow then
      self:add(index, self:course(self.tags[index], wants:byte(index), list, trials[index]))
    end
  end
end

-- The changes of one tag where from a day on another record counts: `byte` is what that one wants at the first
-- moment, `later` how that changes.
local function splice(changes, first, byte, later, start)
  local list, last = {}, first
  for i = 1, #changes, 2 do
    if changes[i] >= start then break end
    list[#list + 1], list[#list + 2] = changes[i], changes[i + 1]
    last = changes[i + 1]
  end
  local behind = {}
  for i = 1, #later, 2 do
    if later[i] <= start then
      byte = later[i + 1]
    else
      behind[#behind + 1], behind[#behind + 2] = later[i], later[i + 1]
    end
  end
  if byte ~= last then list[#list + 1], list[#list + 2] = start, byte end
  return table.move(behind, 1, #behind, #list + 1, list)
end

-- The user whose records were taken to the last one.
function Forecast:flush()
  local pending = self.pending
  self.pending = nil
  if not pending then return end
  local courses
  for index, list in pairs(pending.courses) do
    if list[1] then
      courses = courses or {}
      courses[index] = list
    end
  end
  self:user(pending.user, pending.wants, courses)
end

-- Takes one of several records of a user, each of which counts from a day on.
function Forecast:segment(user, wants, of_record, start)
  if start == 0 then
    self:flush()
    self.pending = { user = user, wants = wants, courses = of_record or {} }
    return
  end
  local pending = self.pending
  for index = 1, #wants do
    local later = of_record and of_record[index] or NONE
    local before = pending.courses[index] or NONE
    pending.courses[index] = splice(before, pending.wants:byte(index), wants:byte(index), later, start)
  end
end

-- Takes a block of decisions.
function Forecast:take(block)
  local records = self.records
  records.read = records.read + block.rejected_count
  records.rejected = records.rejected + block.rejected_count
  local changes = by_record(block)
  local users = self.users_of and self.users_of(block.ids) or block.ids
  for i = 1, block.n do
    if self.starts then
      self:segment(users[i], block.wants[i], changes[i], self.starts())
    else
      self:user(users[i], block.wants[i], changes[i])
    end
  end
end

-- The sums as they are told.
function Forecast:result()
  local days = {}
  for day, moment in ipairs(self.days) do
    days[day] = { at = moment, on = 0, off = 0, tags = {} }
  end
  for index, tag in ipairs(self.tags) do
    for day, sums in pairs(self.sums[index]) do
      local entry = days[day]
      if entry then
        entry.on, entry.off = entry.on + sums.on, entry.off + sums.off
        entry.tags[#entry.tags + 1] = { name = tag.name, on = sums.on, off = sums.off }
      end
    end
  end
  for _, entry in ipairs(days) do
    table.sort(entry.tags, function(a, b)
      if a.on + a.off ~= b.on + b.off then return a.on + a.off > b.on + b.off end
      return a.name < b.name
    end)
  end
  return { at = self.at, days = days, records = self.records }
end

--- Makes a forecast.
-- @tparam table job
-- @param job.ruleset as `pool:load` describes it
-- @param job.pool the workers, told of the input and of the days
-- @tparam function job.source chunks, as `pool:decide` takes them
-- @tparam integer job.at the moment it begins with
-- @tparam {integer,...} job.days the first moment of each day
-- @tparam ?function job.users_of turns the ids of records into users; the same unless told
-- @tparam ?function job.starts where a user has several records, one behind the other: from which of the days on the
--   next one counts, 0 for the first
-- @tparam ?function job.progress called with the number of records read
-- @treturn table|nil `days`: { at, on, off, tags = { { name, on, off } } } each; `records`: read, decided,
--   unknown, failed, rejected
-- @treturn string message
-- @treturn string code
function M.make(job)
  local tags = job.ruleset.tags
  local self = setmetatable({
    tags = tags, at = job.at, days = job.days, users_of = job.users_of, starts = job.starts,
    cohorts = cohort.new(tags), sums = {}, known = {}, timed = {},
    records = { read = 0, decided = 0, unknown = 0, failed = 0, rejected = 0 },
  }, Forecast)
  for i, tag in ipairs(tags) do
    self.sums[i] = {}
    if not tag.shadow and (tag.starts or tag.ends or tag.lasts) then
      self.timed[#self.timed + 1] = i
    end
  end
  local next_block = job.pool:decide(job.source)
  while true do
    local block, message, code = next_block()
    if not block then
      if message then return nil, message, code end
      self:flush()
      return self:result()
    end
    self:take(block)
    if job.progress then job.progress(self.records.read) end
  end
end

return M
