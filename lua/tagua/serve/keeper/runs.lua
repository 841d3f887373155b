--- The keeper's own runs while they wait and are sent, by this process or by another one: notices that one is over,
-- and has the users come back whose operations failed for a reason that may pass.
local core = require("tagua.core")
local queue = require("tagua.ledger.queue")

local M = {}

local LOOK_NS = 100 * 1000000
local FIRST_WAIT_MS, LONGEST_WAIT_MS = 30000, 3600000
local TRIES_MOST = 12 -- about ten hours

-- Why an operation failed that has no use in being tried again: the platform knows what it was asked, and says no;
-- or a person has to look.
local FOR_GOOD = { ENOUSER = true, ENOTFOUND = true, EUNSUPPORTED = true, EUSAGE = true, EAMBIGUOUS = true,
  ETOOBIG = true, EPERMISSION = true }

local Runs = {}
Runs.__index = Runs

--- @tparam table k the keeper
function M.new(k)
  return setmetatable({ k = k, look_ns = 0, open = {}, count = 0 }, Runs)
end

--- How many runs with a purpose are not over.
function Runs:number_of(purpose)
  return self.open[purpose] or 0
end

--- Whether a run is the keeper's own.
function Runs:owns(number)
  return self.k.book.ledger.store:row("select 1 from keeper_run where run = ?", number) ~= nil
end

--- Counts one that was put into the queue just now.
function Runs:begun(purpose)
  self.open[purpose] = (self.open[purpose] or 0) + 1
end

--- How long to wait before something is tried for the n-th time again, in milliseconds.
-- @tparam integer tries
-- @tparam[opt] number first how long to wait before the first time
-- @treturn integer
function M.wait(tries, first)
  return math.min(LONGEST_WAIT_MS, (first or FIRST_WAIT_MS) * 2 ^ math.max(0, tries - 1)) // 1 | 0
end

local FAILED = "select user, code, message, action, (select name from tag where number = operation.tag) "
  .. "from operation where run = ? and outcome in ('failed', 'ambiguous')"
local SUMS = "select outcome, coalesce(code, ''), count(*) from operation where run = ? and outcome is not null "
  .. "group by 1, 2"

--- Adds a run that is over to the counters.
function Runs:add_up(number)
  local counts = self.k.counts
  for outcome, code, count in self.k.book.ledger.store:rows(SUMS, number) do
    counts.operations[outcome] = (counts.operations[outcome] or 0) + count
    if code ~= "" then
      counts.errors[code] = (counts.errors[code] or 0) + count
    end
  end
end

-- The users of whom something failed, and whether the reason may pass.
function Runs:failed(number, quiet)
  local found, log = {}, self.k.log
  for user, code, message, action, tag in self.k.book.ledger.store:rows(FAILED, number) do
    local may_pass = not FOR_GOOD[code or ""]
    found[user] = found[user] or may_pass
    local what = action == "tag" and "put on" or "taken off"
    local tell = quiet and function() end or log.seldom
    tell(log, "warning", "operation_failed", ("the tag '%s' could not be %s a user: %s"):format(tag, what,
      message or "no reason was given"), { user = user, code = code, run = number })
  end
  return found
end

local USERS = "select distinct user from operation where run = ?"
local IN_DOUBT = "select distinct user from operation where run = ? and outcome = 'ambiguous' and code = 'EAMBIGUOUS'"

-- Has those looked at again of whom nobody knows what became of an operation, once what was lost can take effect no
-- more; see keeper/doubt.lua.
function Runs:look_again(number)
  local k, users = self.k, {}
  for user in k.book.ledger.store:rows(IN_DOUBT, number) do
    users[#users + 1] = user
  end
  for _, user in ipairs(users) do
    local tries = k.state:tries(user) + 1
    if tries <= TRIES_MOST then
      k.state:again(user, k.now() + M.wait(tries, k.settings.quarantine * 1000), tries)
    end
  end
end

-- Has those come back of whom something failed that may work later.
function Runs:come_back(number)
  local k = self.k
  local failed, now = self:failed(number), k.now()
  if not next(failed) and not k.state:any_again() then
    return
  end
  local users = {}
  for user in k.book.ledger.store:rows(USERS, number) do
    users[#users + 1] = user
  end
  for _, user in ipairs(users) do
    local tries = failed[user] and k.state:tries(user) + 1
    if tries and tries <= TRIES_MOST then
      k.state:again(user, now + M.wait(tries), tries)
    else
      k.state:finished(user)
      if tries then
        k.state:settled(user)
        k.counts.given_up = k.counts.given_up + 1
        k.log:seldom("error", "given_up", ("the tags of a user could not be changed %d times: left alone until the "
          .. "next event"):format(TRIES_MOST), { user = user, run = number })
      end
    end
  end
end

-- Ends one.
function Runs:over(one, finished)
  local k = self.k
  local ok, message, code = k.book:fold()
  if not ok then
    return nil, message, code
  end
  return k.book.ledger.store:transact(function()
    if one.state then
      self:add_up(one.run)
    end
    self:look_again(one.run)
    if one.purpose == "events" then
      self:come_back(one.run)
      local told, why, word = k.follow:over(one.run, finished)
      if told == nil and why then
        return nil, why, word
      end
    else
      local due = k[one.purpose]:over(one, finished, self:failed(one.run))
      if due then
        k.state:postpone(one.run, due)
        return true
      end
    end
    k.state:disown(one.run)
    return true
  end)
end

-- What did not work in one that is over is tried again, once it is time.
function Runs:again(one)
  local k = self.k
  if one.due > k.now() then
    return false
  end
  return k.book.ledger.store:transact(function()
    k[one.purpose]:again(one, self:failed(one.run, true))
    k.state:disown(one.run)
    return true
  end)
end

local CLAIM = "update run set process = ? where number = ? and state in ('queued', 'sending')"

-- What has become of a run: true and whether it was finished, or nothing where it is not over yet.
function Runs:verdict(one)
  local k = self.k
  if one.state == "done" then
    return true, true
  elseif one.state == nil or one.state == "abandoned" then
    return true, false
  elseif one.state == "queued" or one.state == "sending" then
    if not k.server.lock and not queue.alive(one.process) then -- put into the queue before this process was begun
      k.book.ledger.store:run(CLAIM, queue.identity(), one.run)
    end
  elseif not k.server.lock then -- stopped: where this process sends, it settles the run first
    return true, false
  end
end

--- Looks at them, ten times a second at most.
-- @tparam ?boolean now at once
-- @treturn boolean|nil whether any was over
-- @treturn string message
-- @treturn string code
function Runs:look(now)
  local clock = core.system.monotonic_ns()
  if clock < self.look_ns and not now then
    return false
  end
  self.look_ns = clock + LOOK_NS
  local open, any = {}, false
  for _, one in ipairs(self.k.state:runs()) do
    local over, finished = self:verdict(one)
    local ok, message, code = false, nil, nil
    if one.due then
      ok, message, code = self:again(one)
    elseif over then
      ok, message, code = self:over(one, finished)
    else
      open[one.purpose] = (open[one.purpose] or 0) + 1
    end
    if ok == nil then
      return nil, message, code
    end
    any = any or ok
  end
  self.open = open
  return any
end

return M
