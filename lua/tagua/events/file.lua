--- A file of events as an input of records: one record for each user, of what their events come to at one moment.
-- The order of the lines does not matter, nor that an event with an id is in it twice. Owns a database of its own
-- in a temporary file, so that memory does not grow with the number of events.
-- @module tagua.events.file
local aggregates = require("tagua.events.aggregates")
local core = require("tagua.core")
local inbox = require("tagua.events.inbox")
local inputs = require("tagua.input")
local lines = require("tagua.events.lines")
local reading = require("tagua.events.reading")
local snapshot = require("tagua.events.snapshot")

local M = {}

local BATCH = 2000
local NAME = "file" -- the connection of a file's own inbox

-- The names of the fields that events tell.
local function computed(ruleset)
  local names = {}
  for i, one in ipairs((aggregates.of(ruleset.fields))) do
    names[i] = one.field.name
  end
  return names
end

--- Whether an input holds events instead of records: the rules ask what events tell, and the first line is one.
-- @tparam table input see tagua.input; nothing was read from it yet
-- @tparam table ruleset
-- @treturn boolean
function M.holds_events(input, ruleset)
  local names = computed(ruleset)
  if input.format ~= "jsonl" or #names == 0 then return false end
  local chunk = input:peek()
  local line = chunk and chunk:match("%S[^\n]*")
  return line ~= nil and reading.is_event(line, names)
end

local Temporary = {}
Temporary.__index = Temporary

-- An inbox in a file that goes with it.
local function temporary()
  local path = ("%s/tagua-events-%s.db"):format(os.getenv("TMPDIR") or "/tmp", core.system.random_hex(8))
  local box, message, code = inbox.open(path, {
    durability = "none",
    now = function() return math.maxinteger end, -- what is later than the plan's moment stays later
  })
  if not box then
    os.remove(path)
    return nil, message, code
  end
  return setmetatable({ box = box, path = path }, Temporary)
end

-- Closes and removes it. May be called twice.
function Temporary:close()
  self.box:close()
  for _, suffix in ipairs({ "", "-wal", "-shm", "-journal" }) do
    os.remove(self.path .. suffix)
  end
end

local NAMES_MOST = 1000 -- types and fields that are remembered for messages

-- What the events are that were read: their types, and the fields that they carry.
local function survey()
  return { types = {}, fields = {}, room = NAMES_MOST }
end

local function note(seen, set, name)
  if not set[name] and seen.room > 0 then
    set[name], seen.room = true, seen.room - 1
  end
end

local function put(box, batch)
  local taken, message, code = box:take({ events = batch })
  if not taken then return nil, message, code end
  return true
end

-- Reads all events into the inbox.
local function read(input, box, zone, seen)
  local batch = {}
  while true do
    local chunk, number = input:next()
    if not chunk then break end
    for line in chunk:gmatch("([^\n]*)\n?") do
      if line:find("%S") then
        local event, message = reading.event(line, zone)
        if event then
          event.connection, event.source = NAME, "events"
          local fits, problem = require("tagua.events.event").check(event)
          if not fits then event, message = nil, problem:gsub("^an event cannot be taken: ", "") end
        end
        if not event then return nil, ("%s: line %d: %s"):format(input.name, number, message), "EINPUT" end
        note(seen, seen.types, event.type)
        for name in pairs(event.fields) do
          note(seen, seen.fields, name)
        end
        batch[#batch + 1] = event
        if #batch == BATCH then
          local ok, reason, code = put(box, batch)
          if not ok then return nil, reason, code end
          batch = {}
        end
      end
      number = number + 1
    end
  end
  local message, code = input:failure()
  if message then return nil, message, code end
  return put(box, batch)
end

-- What of a user's events leaves its window later, where days are looked at.
local Leaving = {}
Leaving.__index = Leaving

local function leaving(ruleset, days, now)
  return setmetatable({ aggregates = aggregates.of(ruleset.fields), days = days, now = now, events = {}, moments = {} },
    Leaving)
end

-- Keeps an event of the user, and when it leaves.
function Leaving:add(event)
  if event.at > self.now then return end
  self.events[#self.events + 1] = event
  for _, one in ipairs(self.aggregates) do
    local within = one.aggregate.within
    local moment = within and event.at + within * 1000
    if moment and moment > self.now and aggregates.fits(one.aggregate, event) then
      self.moments[#self.moments + 1] = moment
    end
  end
end

-- The days on which something has left since the day before -> their positions; forgets when.
function Leaving:take()
  table.sort(self.moments)
  local found, at = {}, 1
  for i, day in ipairs(self.days) do
    local left = false
    while self.moments[at] and self.moments[at] <= day * 1000 do
      left, at = true, at + 1
    end
    if left then found[#found + 1] = i end
  end
  return found
end

-- Adds to the lines of a user those of later days on which the record is another.
local function look_ahead(ahead, ruleset, write, user, out)
  local last = out.lines[#out.lines]
  for _, day in ipairs(ahead:take()) do
    local taken = snapshot.new(ruleset.fields, ahead.days[day] * 1000)
    for _, event in ipairs(ahead.events) do
      taken:add(event)
    end
    local line = write(user, taken:read())
    if line ~= last then
      out.lines[#out.lines + 1], out.starts[#out.starts + 1] = line, day
      last = line
    end
  end
  ahead.events, ahead.moments = {}, {}
end

-- An iterator over the records of all users of whom something has happened at that moment; with days, behind the
-- record of a user those of the days on which it is another. The second function tells the day of each: 0 is now.
local function records(box, ruleset, options, now)
  local write, taken = lines.writer(ruleset.fields, options.id), snapshot.new(ruleset.fields, now)
  local ahead = options.days and leaving(ruleset, options.days, now)
  local next_event = box:by_user(NAME)
  local event = next_event()
  local out, given, told = { lines = {}, starts = {} }, 0, {}
  local function next_user()
    local user, happened = event.user, false
    taken:clear()
    repeat
      happened = happened or event.at <= now
      taken:add(event)
      if ahead then ahead:add(event) end
      event = next_event()
    until not event or event.user ~= user
    out, given = { lines = {}, starts = {} }, 0
    if happened then
      out.lines[1], out.starts[1] = write(user, taken:read()), 0
      if ahead then look_ahead(ahead, ruleset, write, user, out) end
    end
  end
  local first, last = 1, 0 -- of what is told and not asked for yet
  return function()
    while given == #out.lines and event do
      next_user()
    end
    given = given + 1
    if ahead and out.lines[given] then
      last = last + 1
      told[last] = out.starts[given]
    end
    return out.lines[given]
  end, function()
    local start = told[first]
    told[first] = nil
    first = first + 1
    return start
  end
end

--- Makes records of an input of events.
-- @tparam table input see tagua.input; is read to its end and closed
-- @tparam table options `ruleset`, `at` (the moment that counts, in seconds), `id` (the key that the users' ids get);
--   `days`: later moments; a user then has several records, where events leave a window until then, and the input's
--   `starts()` tells for each in turn from which of the days on it counts, 0 for the first
-- @treturn table|nil an input of records; closing it removes the temporary file
-- @treturn string message, with the line where one is no event
-- @treturn string code
-- @treturn ?table `types` and `fields`: sets of what the events have, after a success in the place of the message
function M.open(input, options)
  local store, message, code = temporary()
  if not store then return nil, message, code end
  local zone <close> = assert(core.zone.open(options.ruleset.zone))
  local seen = survey()
  local ok
  ok, message, code = read(input, store.box, zone, seen)
  if ok then
    local next_line, starts = records(store.box, options.ruleset, options, options.at * 1000)
    local made = inputs.open({
      lines = next_line,
      name = "the users in " .. input.name,
      hash = input:hash() or false,
    })
    if made then
      made.events, made.starts = true, options.days and starts
      made.close_source = function() store:close() end
      input:close()
      return made, seen
    end
    message = ("%s: nothing in it has happened at that moment"):format(input.name)
    code = "EINPUT"
  end
  store:close()
  return nil, message, code
end

return M
