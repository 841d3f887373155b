--- One sender: whoever holds the connection's lock sends for all whose runs wait in the ledger; the
-- others watch theirs, and one of them takes over when it is gone. Live operations go before long
-- runs, and long runs take turns.
local apply = require("tagua.apply")
local core = require("tagua.core")

local M = {}

local TURN_NS = 2000 * 1000000 -- a long run's turn, while another one waits
local LOOK_NS = 250 * 1000000 -- how often the queue is looked at
local WATCH = 0.2 -- seconds between two looks of a watcher
local RECOVER_NS = 1000 * 1000000 -- how often a lasting sender looks for runs whose process has died
local LATER_NS = 5000 * 1000000 -- for so long a run that could not be taken up is left alone

-- Kinds of runs that somebody, or something, waits for.
local LIVE = { tag = true, untag = true, event = true, expire = true }

local Server = {}
Server.__index = Server

local function now_ns()
  return core.system.monotonic_ns()
end

--- Makes a sender: it holds the connection's lock and works off what waits in the ledger, whoever planned
-- it, a turn at a time. `carry_out` does so for as long as its own run takes, the automation for good.
-- @tparam table job as `carry_out` takes it, and beside:
-- @tparam ?function job.meanwhile called again and again while something is sent; it may put runs into the
--   queue, but not call the platform
-- @tparam ?table run the one run of its own that goes first, once
-- @treturn table with `hold`, `step`, `hurry`, `release`
function M.server(job, run)
  return setmetatable({ job = job, run = run, taken = {}, later = {}, last = 0, look_ns = 0, recover_ns = 0 }, Server)
end

--- Becomes the sender, where no other process is. What was cut off is settled first.
-- @treturn boolean|nil whether it is now; nil where it could not begin
-- @treturn string who is, or the message
-- @treturn string code
function Server:hold()
  if self.lock then
    return true
  end
  local lock, holder, code = self.job.lock()
  if not lock then
    return false, holder, code
  end
  self.lock = lock
  local ok, message
  ok, message, code = self.job.book:take_over()
  if ok then
    ok, message, code = self:recover()
  end
  if not ok then
    self:release()
    return nil, message, code
  end
  return true
end

--- Lets others be the sender.
function Server:release()
  self.taken = {}
  if self.lock then
    self.lock:release()
    self.lock = nil
  end
end

-- Settles what was cut off, and forgets it.
function Server:recover()
  self.recover_ns = now_ns() + RECOVER_NS
  if not self.job.recover then
    return true
  end
  return self.job.recover()
end

--- Looks at the queue at once, since something was put into it.
function Server:hurry()
  self.look_ns = 0
end

-- Whether a run has nothing to do for now but to wait until lost answers can be settled, or could not be
-- taken up a moment ago.
function Server:rests(number, now)
  local one = self.taken[number]
  local until_ns = one and one.apply:rests_until() or self.later[number]
  return until_ns ~= nil and until_ns > now
end

-- The next run whose turn it is: a live one, else the one after the last. One that rests only where no
-- other waits.
function Server:pick()
  local now, own_number = now_ns(), self.run and self.run.number
  local own, after, first, resting
  for _, one in ipairs(self.job.book:queued()) do
    if self:rests(one.number, now) then
      resting = resting or self.taken[one.number] and one
    elseif LIVE[one.kind] then
      return one
    else
      first = first or one
      after = after or (one.number > self.last and one)
      own = own or (one.number == own_number and one)
    end
  end
  return not self.last_served and own or after or first or resting
end

-- Whether the run that is being sent has to let others go first.
function Server:yields(number, since_ns, until_ns)
  local now = now_ns()
  if until_ns and now >= until_ns then
    return true
  elseif now < self.look_ns then
    return false
  end
  self.look_ns = now + LOOK_NS
  local foreign = not self.run or number ~= self.run.number
  if foreign and self.job.interrupted and self.job.interrupted() then
    return true
  end
  local rests = self:rests(number, now)
  local live, other, own_kind = false, false, nil
  for _, one in ipairs(self.job.book:queued()) do
    if one.number == number then
      own_kind = one.kind
    elseif not self:rests(one.number, now) then
      live, other = live or LIVE[one.kind], true
    end
  end
  return live and not LIVE[own_kind or ""] or other and (rests or now - since_ns >= TURN_NS)
end

-- A run of somebody else, as it is told to those who watch.
local function publisher(run)
  local next_ns = 0
  return function()
    if now_ns() >= next_ns then
      next_ns = now_ns() + 2 * LOOK_NS
      run:publish()
    end
  end
end

-- Whether its process wants a run no more.
local function withdrawal(run)
  local next_ns, withdrawn = 0, false
  return function()
    if not withdrawn and now_ns() >= next_ns then
      next_ns = now_ns() + LOOK_NS
      local state = run:watch()
      withdrawn = state ~= nil and state.withdrawn
    end
    return withdrawn
  end
end

-- What a run is sent with: progress is told to its own process, and the sender has other things to do.
function Server:settings_for(run, own)
  local job = self.job
  local settings = setmetatable({}, { __index = job })
  local tell = job.progress
  if not own then
    settings.interrupted, tell = withdrawal(run), publisher(run)
  end
  settings.progress = function(at)
    if tell then
      tell(at)
    end
    if job.meanwhile then
      job.meanwhile()
    end
  end
  return settings
end

-- Takes a run up: what an earlier sender left of it is settled first.
function Server:begin(number)
  local own = self.run ~= nil and number == self.run.number
  local run, fresh = self.run, false
  if own then
    local state, message, code = run:watch()
    if not state then
      return nil, message, code
    end
    fresh = state.state == "queued"
  end
  if not fresh then
    local found, message, code = self.job.book:resume(number)
    if not found then
      return nil, message, code
    end
    run = found
    if own then
      run.state = "queued" -- its operations go on
    end
  end
  local settings = self:settings_for(run, own)
  local ok, message, code = apply.recover(settings, run)
  if ok then
    ok, message, code = run:refresh()
  end
  if not ok then
    return nil, message, code
  end
  local creations = assert(run:watch()).creations
  return { run = run, apply = apply.begin(settings, run, creations) }
end

-- One turn of a run -> its outcome when it is over.
function Server:turn(number, until_ns)
  local one, message, code = self.taken[number]
  if one then
    local ok
    ok, message, code = one.run:refresh()
    one = ok and one
  else
    one, message, code = self:begin(number)
  end
  if not one then
    self.later[number] = now_ns() + LATER_NS
    return { number = number, state = "stopped", message = message, code = code, created = 0 }
  end
  self.taken[number], self.later[number] = one, nil
  self.look_ns = now_ns() + LOOK_NS
  local since_ns = now_ns()
  local outcome = one.apply:turn(function()
    return self:yields(number, since_ns, until_ns)
  end)
  if outcome then
    self.taken[number], outcome.number = nil, number
  else
    one.run:flush()
    one.run:publish()
  end
  return outcome
end

-- Forgets the runs that their processes do not want any more.
function Server:tidy()
  local queued = {}
  for _, one in ipairs(self.job.book:queued()) do
    queued[one.number] = true
  end
  for _, list in ipairs({ self.taken, self.later }) do
    for number in pairs(list) do
      list[number] = queued[number] and list[number] or nil
    end
  end
end

--- Sends one turn of what waits. The lock has to be held.
-- @tparam ?integer until_ns when the turn ends at the latest, on the monotonic clock; what is under way then
--   is waited for
-- @treturn boolean whether there was anything to send
-- @treturn ?table the outcome of a run that is over: `number`, `state`, `sums`, `message`, `code`; one without
--   `sums` could not be taken up, and nothing of it was sent
function Server:step(until_ns)
  if now_ns() >= self.recover_ns then
    self:tidy()
    local ok, message, code = self:recover()
    if not ok then
      return true, { state = "stopped", message = message, code = code, created = 0 }
    end
  end
  local one = self:pick()
  if not one then
    return false
  end
  self.last, self.last_served = one.number, true
  return true, self:turn(one.number, until_ns)
end

--- Settles the runs that were cut off, and closes them: what they had not sent yet is for the next plan
-- to find again. Only the sender may do so.
-- @tparam table job as `tagua.apply` takes it
-- @tparam ?function told called with each run and how many of its operations have to be settled, where
--   there are any
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function M.recover(job, told)
  while true do
    local old, message, code = job.book:cut_off()
    if message then
      return nil, message, code
    elseif not old then
      return true
    end
    local lost = old:sums().sending
    if lost > 0 and told then
      told(old, lost)
    end
    local ok
    ok, message, code = apply.recover(job, old)
    if ok then
      ok, message, code = old:finish("abandoned", "a later run went on")
    end
    if not ok then
      return nil, message, code
    end
  end
end

-- Sends until the own run is over.
local function serve(server)
  local job, run = server.job, server.run
  while true do
    local state = run:watch()
    if state and state.withdrawn then -- an earlier sender has finished it
      return { state = state.state, message = state.message, sums = state.sums, created = 0 }
    end
    local interrupted = job.interrupted and job.interrupted()
    local next_run = not interrupted and server:pick()
    local number = next_run and next_run.number or run.number
    server.last, server.last_served = number, true
    local outcome = server:turn(number)
    if outcome and number == run.number then
      outcome.sums = outcome.sums or run:sums()
      return outcome
    elseif outcome and outcome.state == "stopped" then
      -- What stopped somebody else's run stops this one, too, where it is the connection.
      local message, code = job.connection:stopped()
      if message then
        run:withdraw()
        return { state = "stopped", message = message, code = code, sums = run:sums(), created = 0 }
      end
    end
  end
end

-- Becomes the sender until the own run is over -> its outcome; nil and who is, where another process is.
local function send(job, run)
  local server = M.server(job, run)
  local held, message, code = server:hold()
  if held == false then
    return nil, message
  elseif not held then
    run:withdraw()
    return { state = code == "EINTERRUPTED" and "interrupted" or "stopped", message = message, code = code,
      sums = run:sums(), created = 0 }
  end
  local served, outcome = pcall(serve, server)
  server:release()
  if not served then
    error(outcome, 0)
  end
  return outcome
end

--- Has a run carried out: by this process where it can be the sender, else by the one that is.
-- @tparam table job as `tagua.apply` takes it, and beside:
-- @tparam function job.lock tries to become the sender -> the lock, or nil and who is
-- @tparam ?function job.recover settles what was cut off -> true, or nil, message, code
-- @tparam ?function job.waiting called once, with who sends, when this process has to wait
-- @tparam ?function job.watching called with the sums while another process sends the run
-- @param run its operations written
-- @tparam {table,...} creations folders and tags that it needs
-- @treturn table as `tagua.apply` gives it
function M.carry_out(job, run, creations)
  local ok, message, code = run:enqueue(creations)
  local told
  if not ok then
    return { state = "stopped", message = message, code = code, sums = run:sums(), created = 0 }
  end
  while true do
    local outcome, holder = send(job, run)
    if outcome then
      return outcome
    end
    local state
    state, message, code = run:watch()
    if not state then
      return { state = "stopped", message = message, code = code, sums = run:sums(), created = 0 }
    elseif state.withdrawn then
      run.state = state.state
      return { state = state.state, message = state.message, sums = state.sums, created = 0 }
    end
    if not told and job.waiting then
      told = true
      job.waiting(holder)
    end
    if job.watching then
      job.watching(state.sums)
    end
    if job.interrupted and job.interrupted() then
      run:withdraw()
      return { state = "interrupted", sums = state.sums, created = 0 }
    end
    core.system.sleep(WATCH)
  end
end

return M
