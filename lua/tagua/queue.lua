--- One sender: whoever holds the connection's lock sends for all whose runs wait in the ledger; the
-- others watch theirs, and one of them takes over when it is gone. Live operations go before long
-- runs, and long runs take turns.
local apply = require("tagua.apply")
local core = require("tagua.core")

local M = {}

local TURN_NS = 2000 * 1000000 -- a long run's turn, while another one waits
local LOOK_NS = 250 * 1000000 -- how often the queue is looked at
local WATCH = 0.2 -- seconds between two looks of a watcher

-- Kinds of runs that somebody, or something, waits for.
local LIVE = { tag = true, untag = true, event = true, expire = true }

local Sender = {}
Sender.__index = Sender

local function now_ns()
  return core.system.monotonic_ns()
end

-- The next run whose turn it is: a live one, else the one after the last.
function Sender:pick()
  local queued = self.job.book:queued()
  local own, after, first
  for _, one in ipairs(queued) do
    if LIVE[one.kind] then
      return one
    end
    first = first or one
    after = after or (one.number > self.last and one)
    own = own or (one.number == self.run.number and one)
  end
  return not self.last_served and own or after or first
end

-- Whether the run that is being sent has to let others go first.
function Sender:yields(number, since_ns)
  local now = now_ns()
  if now < self.look_ns then
    return false
  end
  self.look_ns = now + LOOK_NS
  local foreign = number ~= self.run.number
  if foreign and self.job.interrupted and self.job.interrupted() then
    return true
  end
  local live, other, own_kind = false, false, nil
  for _, one in ipairs(self.job.book:queued()) do
    if one.number == number then
      own_kind = one.kind
    else
      live, other = live or LIVE[one.kind], true
    end
  end
  return live and not LIVE[own_kind or ""] or other and now - since_ns >= TURN_NS
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

-- Takes a run up: what an earlier sender left of it is settled first.
function Sender:begin(number)
  local job, own = self.job, number == self.run.number
  local state, message, code = self.run:watch()
  if not state then
    return nil, message, code
  end
  local run = self.run
  if not own or state.state ~= "queued" then
    run, message, code = job.book:resume(number)
    if not run then
      return nil, message, code
    end
    if own then
      run.state = "queued" -- its operations go on
    end
  end
  local settings = setmetatable({}, { __index = job })
  if not own then
    settings.interrupted, settings.progress = withdrawal(run), publisher(run)
  end
  local ok
  ok, message, code = apply.recover(settings, run)
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
function Sender:turn(number)
  local one, message, code = self.taken[number]
  if one then
    local ok
    ok, message, code = one.run:refresh()
    one = ok and one
  else
    one, message, code = self:begin(number)
  end
  if not one then
    return { state = "stopped", message = message, code = code, sums = self.run:sums(), created = 0 }
  end
  self.taken[number] = one
  self.look_ns = now_ns() + LOOK_NS
  local since_ns = now_ns()
  local outcome = one.apply:turn(function()
    return self:yields(number, since_ns)
  end)
  if outcome then
    self.taken[number] = nil
  else
    one.run:flush()
    one.run:publish()
  end
  return outcome
end

-- Sends until the own run is over.
local function serve(job, run)
  local self = setmetatable({ job = job, run = run, taken = {}, last = 0, look_ns = 0 }, Sender)
  local ok, message, code = job.book:take_over()
  if ok and job.recover then
    ok, message, code = job.recover()
  end
  if not ok then
    run:withdraw()
    return { state = code == "EINTERRUPTED" and "interrupted" or "stopped", message = message, code = code,
      sums = run:sums(), created = 0 }
  end
  while true do
    local state = run:watch()
    if state and state.withdrawn then -- an earlier sender has finished it
      return { state = state.state, message = state.message, sums = state.sums, created = 0 }
    end
    local interrupted = job.interrupted and job.interrupted()
    local next_run = not interrupted and self:pick()
    local number = next_run and next_run.number or run.number
    self.last, self.last_served = number, true
    local outcome = self:turn(number)
    if outcome and number == run.number then
      return outcome
    elseif outcome and outcome.state == "stopped" and not self.taken[number] then
      -- What stopped somebody else's run stops this one, too, where it is the connection.
      message, code = job.connection:stopped()
      if message then
        run:withdraw()
        return { state = "stopped", message = message, code = code, sums = run:sums(), created = 0 }
      end
    end
  end
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
    local lock, holder = job.lock()
    if lock then
      local served, outcome = pcall(serve, job, run)
      lock:release()
      if not served then
        error(outcome, 0)
      end
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
