--- Operations of a program through a ledger: on disk before they are sent, settled when their answer is
-- lost, and sent by the connection's one sender, whichever process that is. Holds a bounded number.
-- @module tagua.through
local arguments = require("tagua.arguments")
local core = require("tagua.core")
local gate = require("tagua.gate")
local ledger = require("tagua.ledger")
local queue = require("tagua.queue")
local sender = require("tagua.sender")

local M = {}

-- Operations of one run: enough that the wait for its last ones weighs little, few enough to be held.
local LEAST_TOGETHER, TIMES_IN_FLIGHT = 256, 16

-- How an outcome in the ledger reads as a result: it is as wanted, or was and somebody has changed it since.
local FINE = { done = true, unattributed = true, skipped = true, stands = true }

local WORDS = { tag = "tag_user", untag = "untag_user" }

-- The ledger's side of a connection, opened when it is first needed.
local function book_of(self)
  if not self.book then
    local settings = self.settings
    local file, message, code = ledger.open(settings.ledger)
    if not file then
      return nil, message, code
    end
    local book
    book, message, code = file:connection(require("tagua.settings").account(settings, self.name))
    if not book then
      file:close()
      return nil, message, code
    end
    self.book, self.ledger = book, file
  end
  return self.book
end

-- What is wrong with an operation; nil where nothing is.
local function check(self, operation)
  if type(operation) ~= "table" or not WORDS[operation[1]] then
    return 'through a ledger an operation must be { "tag" | "untag", user =, tag = }: the connection\'s methods do'
      .. " the rest"
  elseif type(operation.user) ~= "string" then
    return "through a ledger the user of an operation must be its id, a string"
  elseif type(operation.tag) ~= "string" or operation.tag == "" then
    return "the tag of an operation must be its id"
  end
  return arguments.check(self.vendor, WORDS[operation[1]], operation.user, operation.tag)
    or select(2, self.vendor[WORDS[operation[1]]](self.settings.identity, operation.user, operation.tag)) or nil
end

--- What is wrong with one operation through a ledger.
-- @local
function M.complain(self, operation)
  local complaint = check(self, operation)
  return type(complaint) == "string" and complaint or nil
end

local function failed(operations, message, code)
  local results = {}
  for i, operation in ipairs(operations) do
    results[i] = { operation = operation, ok = false, code = code, message = message, sent = false }
  end
  return results
end

-- What an operation came to, in the words of `connection:perform`.
local function result_of(operation, entry, outcome)
  if FINE[entry.outcome] then
    return { operation = operation, ok = true, value = true }
  elseif entry.outcome == "sending" then -- the sender has it, and settles it
    return { operation = operation, ok = false, code = "EAMBIGUOUS", sent = true,
      message = outcome.message or "its answer has not come: the ledger settles it before anything else is sent" }
  end
  return {
    operation = operation,
    ok = false,
    code = entry.code or outcome.code or "ECANCELLED",
    message = entry.message or outcome.message or "it was not sent",
    sent = entry.outcome ~= "waiting",
  }
end

-- What the one sender needs to know, where it is this process.
local function job_for(self, book)
  local signals = core.system.interrupted()
  local closed, message, code = gate.new(self.name, self.settings)
  if message then
    return nil, message, code
  end
  local job = {
    connection = self, book = book, quarantine = self.settings.quarantine, closed = closed,
    interrupted = function() return core.system.interrupted() > signals end,
    lock = function() return sender.try(self.settings, self.settings.ledger) end,
  }
  job.recover = function() return queue.recover(job) end
  return job
end

-- Carries some operations out as a run of their own -> their results.
local function carry_out(self, operations)
  local book, message, code = book_of(self)
  local job, run
  if book then
    job, message, code = job_for(self, book)
  end
  if job and job.closed then
    message, code = job.closed()
  end
  if job and not message then
    run, message, code = book:plan({ kind = "event", at = os.time() })
  end
  if not run then
    return failed(operations, message, code)
  end
  for _, one in ipairs(operations) do
    run:add({ user = one.user, tag = one.tag, action = one[1] })
  end
  local ready
  ready, message, code = run:ready()
  if not ready then
    run:discard()
    return failed(operations, message, code)
  end
  local outcome = queue.carry_out(job, run, {})
  local results = {}
  for entry in self.ledger:operations(run.number) do
    results[#results + 1] = result_of(operations[entry.seq], entry, outcome)
  end
  return results
end

--- Carries out one operation; see `connection:tag_user`.
-- @local
-- @tparam connection self
-- @tparam operation operation that was checked
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function M.one(self, operation)
  local result = carry_out(self, { operation })[1]
  if result.ok then
    return true
  end
  return nil, ("connection '%s': %s"):format(self.name, (result.message:gsub("^connection '.-': ", ""))), result.code
end

-- A list as an iterator; every operation is looked at before the first is sent.
local function from_list(self, list, level)
  for i = 1, #list do
    local complaint = M.complain(self, list[i])
    if complaint then error(("perform: operation %d: %s"):format(i, complaint), level + 1) end
  end
  local at = 0
  return function()
    at = at + 1
    return list[at]
  end
end

--- Runs operations; see `connection:perform`.
-- @local
-- @tparam connection self
-- @tparam {operation,...}|function operations
-- @tparam table|nil given the options: none, for how many are in flight is for the one sender to say
-- @tparam integer level whose line a mistake is reported at, as in `error`
-- @treturn function iterator
function M.run(self, operations, given, level)
  if given ~= nil and (type(given) ~= "table" or next(given) ~= nil) then
    error("perform: through a ledger it takes no options: one process sends for all, as it is set", level)
  end
  local source = type(operations) == "table" and from_list(self, operations, level) or operations
  local together_most = math.max(LEAST_TOGETHER, TIMES_IN_FLIGHT * self.settings.in_flight)
  local results, next_result, exhausted = {}, 1, false
  local function fill()
    local together = {}
    results, next_result = {}, 1
    while #together < together_most and #results < together_most and not exhausted do
      local operation = source()
      local complaint = operation ~= nil and M.complain(self, operation)
      if operation == nil then
        exhausted = true
      elseif complaint then
        results[#results + 1] =
          { operation = operation, ok = false, code = "EUSAGE", message = "perform: " .. complaint, sent = false }
      else
        together[#together + 1] = operation
      end
    end
    if #together > 0 then
      local done = carry_out(self, together)
      table.move(done, 1, #done, #results + 1, results)
    end
  end
  return function()
    while not results[next_result] do
      if exhausted then
        return nil
      elseif self.closed then
        error(("connection '%s' is closed"):format(self.name), 2)
      end
      fill()
    end
    next_result = next_result + 1
    return results[next_result - 1]
  end
end

return M
