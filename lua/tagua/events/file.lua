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

-- An iterator over the records of all users of whom something has happened at that moment.
local function records(box, ruleset, id, now)
  local write, taken = lines.writer(ruleset.fields, id), snapshot.new(ruleset.fields, now)
  local next_event = box:by_user(NAME)
  local event = next_event()
  return function()
    while event do
      local user, happened = event.user, false
      taken:clear()
      repeat
        happened = happened or event.at <= now
        taken:add(event)
        event = next_event()
      until not event or event.user ~= user
      if happened then return write(user, taken:read()) end
    end
  end
end

--- Makes records of an input of events.
-- @tparam table input see tagua.input; is read to its end and closed
-- @tparam table options `ruleset`, `at` (the moment that counts, in seconds), `id` (the key that the users' ids get)
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
    local made = inputs.open({
      lines = records(store.box, options.ruleset, options.id, options.at * 1000),
      name = "the users in " .. input.name,
      hash = input:hash() or false,
    })
    if made then
      made.events, made.close_source = true, function() store:close() end
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
