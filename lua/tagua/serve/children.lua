--- The processes that `tagua serve` is made of, as their owner sees them: started, listened to, started again
-- with growing waits when they die, ended. Reads no configuration and answers nobody.
--
-- A part says in lines of JSON what it is doing: `{"is":"ready",...}`, `{"is":"stats","counters":{...},...}`,
-- `{"is":"failed","message":...,"code":...}`. Any line is a sign of life.
-- @module tagua.serve.children
local json = require("tagua.json")

local M = {}

local Children = {}
Children.__index = Children

local SECOND = 1000000000
local FIRST_WAIT, LONGEST_WAIT = SECOND // 5, 10 * SECOND
local SETTLED = 60 * SECOND -- a part that lived so long begins with the shortest wait again
local SILENT = 30 * SECOND -- a part that runs and says nothing for so long does not answer
local DEAF = 120 * SECOND -- one that says nothing for so long is killed

--- Takes over the parts; none is started yet.
-- @tparam table given
--   parts: `{ { kind = "intake" }, { kind = "keeper", connection = "shop" }, ... }`;
--   start: starts a part -> its process (see core.process), or nil, message, code;
--   greet: gives the first line for a part;
--   heard: called with a part and what it said, beside ready, stats and failed;
--   log: see tagua.serve.log; clock: gives nanoseconds that only go forward
-- @treturn table
function M.open(given)
  local self = setmetatable({
    parts = given.parts, start_part = given.start, greet = given.greet, heard = given.heard, log = given.log,
    clock = given.clock,
  }, Children)
  for _, part in ipairs(self.parts) do
    part.name = part.connection and ("%s '%s'"):format(part.kind, part.connection) or part.kind
    part.restarts, part.wait = 0, FIRST_WAIT
    part.counters, part.past, part.report = {}, {}, {}
    part.due = self.clock()
  end
  return self
end

local function fields_of(part, more)
  local fields = { part = part.kind, connection = part.connection }
  for name, value in pairs(more or {}) do
    fields[name] = value
  end
  return fields
end

-- What a dead part had counted is kept, so that a counter never goes back.
local function settle_counters(part)
  for name, count in pairs(part.counters) do
    if M.is_sum(name) then part.past[name] = (part.past[name] or 0) + count end
  end
  part.counters = {}
end

--- Whether a number only grows: `..._total`, and the sums, counts and buckets of what is distributed.
-- @tparam string name with its labels
-- @treturn boolean
function M.is_sum(name)
  local bare = name:match("^[^{]*")
  return bare:find("_total$") or bare:find("_sum$") or bare:find("_count$") or bare:find("_bucket$") and true or false
end

local function start(self, part)
  local now = self.clock()
  local process, message, code = self.start_part(part)
  if not process then
    part.failure = { message = message, code = code }
    part.due, part.wait = now + part.wait, math.min(part.wait * 2, LONGEST_WAIT)
    self.log:error("start", ("the %s cannot be started: %s"):format(part.name, message), fields_of(part))
    return
  end
  part.process, part.started, part.heard = process, now, now
  part.ready, part.failure, part.due = false, nil, nil
  process:write(self.greet(part))
end

local function hear(self, part, line)
  local said = json.decode(line)
  if type(said) ~= "table" then
    self.log:seldom("warning", "part", ("the %s said something that is not understood"):format(part.name),
      fields_of(part))
    return
  end
  part.heard = self.clock()
  if said.is == "ready" then
    part.ready, part.at = true, said.at
    if part.restarts > 0 then
      self.log:info("part", ("the %s does its work again"):format(part.name), fields_of(part))
    end
  elseif said.is == "stats" then
    part.counters, part.report = said.counters or {}, said
  elseif said.is == "failed" then
    part.failure = { message = tostring(said.message), code = said.code }
  elseif self.heard then
    self.heard(part, said)
  end
end

local function ending(how, number)
  if how == "signal" then return ("was ended by signal %d"):format(number) end
  return ("ended with exit code %d"):format(number)
end

-- A part has ended: says so, and when it is started again.
local function bury(self, part, how, number)
  local now = self.clock()
  part.process:close()
  part.process, part.ready = nil, false
  settle_counters(part)
  if self.stopping then
    part.left = true
    if how ~= "exit" or number ~= 0 then
      self.log:warning("part", ("the %s %s"):format(part.name, ending(how, number)), fields_of(part))
    end
    return
  end
  if now - part.started >= SETTLED then part.wait = FIRST_WAIT end
  part.restarts = part.restarts + 1
  part.exit = how == "exit" and number or nil
  part.due = now + part.wait
  local why = part.failure and ": " .. part.failure.message:match("^[^\n]*") or ""
  self.log:error("part", ("the %s %s%s; it is started again in %.1f s"):format(part.name, ending(how, number), why,
    part.wait / SECOND), fields_of(part, { restarts = part.restarts, code = part.failure and part.failure.code }))
  part.wait = math.min(part.wait * 2, LONGEST_WAIT)
end

--- Listens to all, buries who ended, and starts who is due.
function Children:step()
  for _, part in ipairs(self.parts) do
    if part.process then
      part.process:flush()
      for _, line in ipairs((part.process:lines())) do
        hear(self, part, line)
      end
      local how, number = part.process:ended()
      if how then
        for _, line in ipairs((part.process:lines())) do -- its last words may have come in between
          hear(self, part, line)
        end
        bury(self, part, how, number)
      elseif not self.stopping and self.clock() - part.heard >= DEAF then
        self.log:error("part", ("the %s says nothing for %d s: it is killed"):format(part.name, DEAF // SECOND),
          fields_of(part))
        part.heard = self.clock()
        part.process:signal("kill")
      end
    end
    local due = not part.process and part.due and self.clock() >= part.due
    if due and not self.stopping then start(self, part) end
  end
end

--- Sends a line to the parts of a kind, or to all.
-- @tparam string line
-- @tparam[opt] string kind
function Children:tell(line, kind)
  for _, part in ipairs(self.parts) do
    if part.process and (not kind or part.kind == kind) then
      local ok, message = part.process:write(line)
      if not ok then
        self.log:error("part", ("the %s takes no line: %s"):format(part.name, message), fields_of(part))
      end
    end
  end
end

--- The descriptors that are readable when a part has said something.
-- @treturn {integer,...}
function Children:fds()
  local found = {}
  for _, part in ipairs(self.parts) do
    if part.process then found[#found + 1] = part.process:fd() end
  end
  return found
end

--- Whether every part does its work.
-- @treturn boolean
-- @treturn {string,...} the parts that do not
function Children:ready()
  local missing = {}
  for _, part in ipairs(self.parts) do
    if not part.ready then missing[#missing + 1] = part.name end
  end
  return #missing == 0, missing
end

--- Whether every part that runs has given a sign of life lately. One that waits to be started again does not count:
-- minding that is the owner's work.
-- @treturn boolean
function Children:answering()
  for _, part in ipairs(self.parts) do
    if part.process and self.clock() - part.heard >= SILENT then return false end
  end
  return true
end

--- How long ago a part last said something, in seconds; nil for one that does not run.
-- @tparam table part
-- @treturn number|nil
function Children:silence(part)
  return part.process and (self.clock() - part.heard) / SECOND
end

--- What the parts have counted since the owner began, those of earlier processes of a part included.
-- @treturn {[string]=number} by name with labels; the parts' own names tell them apart
function Children:counters()
  local all = {}
  for _, part in ipairs(self.parts) do
    for _, counters in ipairs({ part.past, part.counters }) do
      for name, count in pairs(counters) do
        if type(name) == "string" and math.type(count) then all[name] = (all[name] or 0) + count end
      end
    end
  end
  return all
end

--- From now on nobody is started again; whoever ends has left.
-- @tparam string line that ends them in good order
function Children:stop(line)
  self.stopping = true
  self:tell(line)
  for _, part in ipairs(self.parts) do
    if not part.process then part.left = true end
  end
end

--- Who has not left yet.
-- @treturn {string,...}
function Children:left()
  local names = {}
  for _, part in ipairs(self.parts) do
    if not part.left then names[#names + 1] = part.name end
  end
  return names
end

--- Kills whoever still runs, and waits for their end.
function Children:close()
  self.stopping = true
  for _, part in ipairs(self.parts) do
    if part.process then part.process:close() end
    part.process = nil
  end
end

return M
