--- The keeper's side of the queue: holds the connection's lock where nobody else does and sends what waits, its own
-- runs and those of other processes, a little at a time; where the platform is out of reach, waits and tries again.
local core = require("tagua.core")
local queue = require("tagua.queue")

local M = {}

local SECOND = 1000000000
local LOOK_NS = SECOND // 4 -- how often it is tried to become the sender
local FIRST_WAIT_MS, LONGEST_WAIT_MS = 1000, 300000 -- after the connection was stopped

local Sending = {}
Sending.__index = Sending

-- Why the connection does not send now.
local function closed(k)
  return function()
    if not k:may_send() then
      return ("it is outside of the hours %s of '%s'"):format(k.settings.hours, k.name), "EHOURS"
    end
  end
end

--- @tparam table k the keeper
-- @tparam function lock tries to become the sender
function M.new(k, lock)
  local self = setmetatable({ k = k, look_ns = 0, tries = 0 }, Sending)
  local function yield()
    local running = coroutine.running()
    if running == self.task or running == k.polling.task then
      coroutine.yield(true)
    end
  end
  local job = {
    connection = k.connection,
    book = k.book,
    quarantine = k.settings.quarantine,
    lock = lock,
    closed = k.settings.hours and closed(k),
    meanwhile = yield,
    tick = function()
      return k:patience()
    end,
    leaves = function()
      return k.leaving == true
    end,
    progress = yield, -- of what is settled
  }
  job.recover = function()
    return queue.recover(job, function(run, lost)
      k.log:warning("settling", ("run %d was cut off: asking what became of %d operations"):format(run.number, lost),
        { run = run.number })
    end)
  end
  self.server = queue.server(job)
  self.job = job
  k.connection.meanwhile = yield
  return self
end

--- Whether the platform can be reached, as far as is known.
-- @treturn boolean
function Sending:ready()
  return self.resume_ms == nil
end

--- How long nothing is sent yet, since the connection was stopped.
-- @treturn number seconds
function Sending:paused_seconds()
  return self.resume_ms and math.max(0, (self.resume_ms - self.k.now()) / 1000) or 0
end

-- The connection was stopped: nothing is sent for a while, and somebody should know.
function Sending:trouble(message, code)
  local k = self.k
  local wait = math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS << math.min(self.tries, 20))
  self.tries = self.tries + 1
  self.resume_ms, self.wait_ms = k.now() + wait, wait
  k.counts.errors[code or "?"] = (k.counts.errors[code or "?"] or 0) + 1
  k.counts.stops = k.counts.stops + 1
  k.log:error("stopped", ("nothing is sent: %s; events are kept, and it is tried again in %d s"):format(message,
    wait // 1000), { code = code, tries = self.tries })
end

-- Whether it is time to try again. A clock that was set back is no reason to wait for longer.
function Sending:waits()
  if not self.resume_ms then
    return false
  end
  local left = self.resume_ms - self.k.now()
  if left > 0 and left <= self.wait_ms then
    return true
  end
  self.resume_ms = nil
  if self.k.connection:stopped() then
    self.k.connection:resume()
  end
  return false
end

-- Becomes the sender, where it is not.
function Sending:hold()
  local clock = core.system.monotonic_ns()
  if self.server.lock then
    return true
  elseif clock < self.look_ns then
    return false
  end
  self.look_ns = clock + LOOK_NS
  local held, message, code = self.server:hold()
  if held then
    self.k.log:info("sender", "sends for the connection from here on")
    self.told = nil
    return true
  elseif held == false and (code == nil or code == "ELOCKED") then
    if self.told ~= message then
      self.k.log:info("sender", ("%s sends for the connection"):format(message))
      self.told = message
    end
    return false
  end
  self:failed(message, code, true)
  return false
end

-- Something could not be sent, or not be settled: where it is the connection, or what is the keeper's own,
-- everything waits.
function Sending:failed(message, code, own)
  local k = self.k
  local why, word = k.connection:stopped()
  if why then
    self:trouble(why, word)
  elseif code == "EHOURS" or code == "EINTERRUPTED" then
    return
  elseif own then
    self:trouble(message or "a run was stopped", code)
  else
    k.counts.errors[code or "?"] = (k.counts.errors[code or "?"] or 0) + 1
    k.log:seldom("error", "sending_failed", message or "a run was stopped", { code = code })
  end
end

-- Adds the outcome of a run that is not the keeper's own; its own are looked after in keeper/runs.lua.
function Sending:take(outcome)
  local k = self.k
  local own = outcome.number and k.runs:owns(outcome.number)
  if outcome.state == "done" then
    self.tries = 0
  elseif outcome.state == "stopped" then
    self:failed(outcome.message, outcome.code, not outcome.number or own)
  end
  k.runs.look_ns = 0
  if outcome.sums and not own then
    k.runs:add_up(outcome.number)
  end
end

-- Sends, until there is nothing more to do for now.
function Sending:work()
  if not self:hold() then
    return
  end
  local busy, outcome = self.server:step()
  if outcome then
    self:take(outcome)
  end
  if not busy and not self.k.leaving then
    busy = self.k:part("doubt", self.k.doubt.round, self.k.doubt)
  end
  return busy
end

--- Goes on a little with what there is to send.
-- @treturn boolean whether there was anything
function Sending:go()
  if not self.task then
    if self:waits() then
      return false
    end
    self.task = coroutine.create(function()
      return self:work()
    end)
  end
  local alive, busy = coroutine.resume(self.task)
  if not alive then
    error(debug.traceback(self.task, tostring(busy)), 0)
  elseif coroutine.status(self.task) == "dead" then
    self.task = nil
  end
  return busy == true
end

--- Finishes what is under way, until a moment at most, and lets others send.
-- @tparam integer until_ns
function Sending:finish(until_ns)
  while self.task and core.system.monotonic_ns() < until_ns do
    self:go()
  end
  if not self.task then
    self.server:release()
  end
end

--- Ends it. What is still under way is settled by whoever sends next.
function Sending:close()
  self.k.connection.meanwhile = nil
  self.server:release()
end

return M
