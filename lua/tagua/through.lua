--- Operations of a program through a ledger: on disk before they are sent, settled when their answer is
-- lost, and sent by the connection's one sender, whichever process that is. Holds a bounded number.
-- @module tagua.through
local ledger = require("tagua.ledger")
local queue = require("tagua.queue")
local sender = require("tagua.sender")

local M = {}

local TOGETHER = 256 -- operations of one run

-- How an outcome in the ledger reads as a result: it is as wanted, or was and somebody has changed it since.
local FINE = { done = true, unattributed = true, skipped = true, stands = true }

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

local function refusal(operation, message)
  return { operation = operation, ok = false, code = "EUSAGE", message = "perform: " .. message, sent = false }
end

local function check(operation)
  if type(operation) ~= "table" or operation[1] ~= "tag" and operation[1] ~= "untag" then
    return 'through a ledger an operation must be { "tag" | "untag", user =, tag = }'
  elseif type(operation.user) ~= "string" or operation.user == "" then
    return "through a ledger the user of an operation must be its id"
  elseif type(operation.tag) ~= "string" or operation.tag == "" then
    return "the tag of an operation must be its id"
  end
  return nil
end

local function failed(operations, message, code)
  local results = {}
  for i, operation in ipairs(operations) do
    results[i] = { operation = operation, ok = false, code = code, message = message, sent = false }
  end
  return results
end

-- Carries some operations out as a run of their own -> their results.
local function carry_out(self, operations)
  local book, message, code = book_of(self)
  local run
  if book then
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
  local job = { connection = self, book = book, quarantine = self.settings.quarantine }
  job.lock = function()
    return sender.try(self.settings, self.settings.ledger)
  end
  job.recover = function()
    return queue.recover(job)
  end
  local outcome = queue.carry_out(job, run, {})
  local results = {}
  for entry in self.ledger:operations(run.number) do
    local operation = operations[entry.seq]
    if FINE[entry.outcome] then
      results[#results + 1] = { operation = operation, ok = true, value = true }
    else
      results[#results + 1] = {
        operation = operation,
        ok = false,
        code = entry.code or outcome.code or "ECANCELLED",
        message = entry.message or outcome.message or "it was not sent",
        sent = entry.outcome ~= "waiting",
      }
    end
  end
  return results
end

--- Runs operations; see `connection:perform`.
-- @local
-- @tparam connection self
-- @tparam {operation,...}|function operations
-- @treturn function iterator
function M.run(self, operations)
  local source, at = operations, 0
  if type(operations) == "table" then
    source = function()
      at = at + 1
      return operations[at]
    end
  end
  local results, next_result, exhausted = {}, 1, false
  local function fill()
    local together = {}
    results, next_result = {}, 1
    while #together < TOGETHER and not exhausted do
      local operation = source()
      local complaint = operation ~= nil and check(operation)
      if operation == nil then
        exhausted = true
      elseif complaint then
        results[#results + 1] = refusal(operation, complaint)
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
      end
      fill()
    end
    next_result = next_result + 1
    return results[next_result - 1]
  end
end

return M
