--- The log of the automation: one JSON object a line for machines, a readable line for people on a terminal.
-- Nothing leaves that is not redacted, and what repeats itself is counted instead of written.
--
--    local log = require("tagua.serve.log").open({ write = function(line) io.stderr:write(line) end })
--    log:info("ready", "taking events on 127.0.0.1:8090", { address = "127.0.0.1:8090" })
--    log:seldom("warning", "signature", "a request to /hooks/line/shop is not signed by LINE", { from = "10.0.0.7" })
--
-- @module tagua.serve.log
local core = require("tagua.core")
local json = require("tagua.json")
local options = require("tagua.options")
local terminal = require("tagua.terminal")

local M = {}

local Log = {}
Log.__index = Log

-- Of one event, a minute lets so many lines through that are written with `seldom`.
local SELDOM_MOST, SELDOM_MS = 5, 60000
local LEVELS = { info = "info   ", warning = "warning", error = "error  " }

local OPEN = {
  write = { type = "function" },
  readable = { type = "boolean" },
  part = { type = "string", min = 1 },
  connection = { type = "string", min = 1 },
  now = { type = "function" },
}

-- One write for a line, so that those of several processes do not mix.
local function to_standard_error(line)
  io.stderr:write(line)
  io.stderr:flush()
end

--- Makes a log.
-- @tparam[opt] table given `write` (function(line), standard error unless told), `readable` (lines for people;
--   unless told, whether standard error is a terminal), `part` ("intake", "keeper") and `connection`, which
--   every line then names, `now` (milliseconds since the epoch)
-- @treturn table
function M.open(given)
  local o = options.check("log.open", given, OPEN, 2)
  local readable = o.readable
  if readable == nil then readable = o.write == nil and core.system.is_terminal(2) end
  return setmetatable({
    write = o.write or to_standard_error,
    readable = readable,
    part = o.part,
    connection = o.connection,
    now = o.now or function() return core.system.wall_ns() // 1000000 end,
    seldom_seen = {},
  }, Log)
end

--- The same log for a part of the work: its lines name it.
-- @tparam table given `part`, `connection`
-- @treturn table
function Log:of(given)
  local part = setmetatable({}, Log)
  for name, value in pairs(self) do
    part[name] = value
  end
  part.part = given.part or self.part
  part.connection = given.connection or self.connection
  return part
end

local function in_order(fields)
  local names = {}
  for name in pairs(fields) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

-- A value as JSON; one that is not UTF-8, or no value at all, with its bytes made visible.
local function written(value)
  return json.encode(value) or json.encode(terminal.visible(tostring(value)))
end

local function machine_line(self, milliseconds, level, event, message, fields)
  local time = ("%s.%03dZ"):format(os.date("!%Y-%m-%dT%H:%M:%S", milliseconds // 1000), milliseconds % 1000)
  local connection = fields.connection == nil and self.connection
  local parts = {
    ('{"time":"%s","level":"%s","event":%s,"message":%s'):format(time, level, written(event), written(message)),
  }
  if self.part then parts[#parts + 1] = '"part":' .. written(self.part) end
  if connection then parts[#parts + 1] = '"connection":' .. written(connection) end
  for _, name in ipairs(in_order(fields)) do
    parts[#parts + 1] = written(name) .. ":" .. written(fields[name])
  end
  return table.concat(parts, ",") .. "}\n"
end

local function readable_line(self, milliseconds, level, event, message, fields)
  local notes = {}
  for _, name in ipairs(in_order(fields)) do
    local value = fields[name]
    notes[#notes + 1] = name .. "=" .. terminal.visible(type(value) == "table" and written(value) or tostring(value))
  end
  local where = self.connection and fields.connection == nil and (self.connection .. ": ") or ""
  return ("%s %s %s: %s%s%s\n"):format(os.date("%H:%M:%S", milliseconds // 1000), LEVELS[level],
    terminal.visible(event), where, terminal.visible(message),
    #notes > 0 and " (" .. table.concat(notes, ", ") .. ")" or "")
end

--- Writes one line.
-- @tparam string level "info", "warning" or "error"
-- @tparam string event one word for programs to branch on
-- @tparam string message one sentence for people, lower case
-- @tparam[opt] table fields what else is known, by name
function Log:line(level, event, message, fields)
  if not LEVELS[level] then error("log: a level is info, warning or error, got " .. options.quote(level), 2) end
  local make = self.readable and readable_line or machine_line
  self.write(core.secret.redact(make(self, self.now(), level, event, message, fields or {})))
end

--- Writes a line of level "info"; see `line`.
function Log:info(event, message, fields) self:line("info", event, message, fields) end

--- Writes a line of level "warning"; see `line`.
function Log:warning(event, message, fields) self:line("warning", event, message, fields) end

--- Writes a line of level "error"; see `line`.
function Log:error(event, message, fields) self:line("error", event, message, fields) end

--- Writes a line about something that whoever is outside can bring about as often as they like: at most five
-- a minute of each event. The first line after that says in `unwritten` how many there were.
function Log:seldom(level, event, message, fields)
  local now = self.now()
  local seen = self.seldom_seen[event]
  if not seen or now - seen.since >= SELDOM_MS or now < seen.since then
    local unwritten = seen and seen.count - SELDOM_MOST or 0
    seen = { since = now, count = 0 }
    self.seldom_seen[event] = seen
    if unwritten > 0 then
      local more = { unwritten = unwritten }
      for name, value in pairs(fields or {}) do
        more[name] = value
      end
      fields = more
    end
  end
  seen.count = seen.count + 1
  if seen.count <= SELDOM_MOST then self:line(level, event, message, fields) end
end

return M
