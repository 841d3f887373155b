--- A keeper as a part of `tagua serve`: opens the ledger, the connection and the rules that its owner accepted.
-- @module tagua.serve.part_keeper
local core = require("tagua.core")
local files = require("tagua.serve.files")
local metrics = require("tagua.serve.metrics")
local sender = require("tagua.sender")

local M = {}

local PATIENCE_NS = 60 * 1000000000 -- longer than a keeper may take to end

local Part = {}
Part.__index = Part

-- The rules that the owner accepted, out of the ledger.
local function rules_of(book, hash)
  local file, message, code = book:rule_text(hash)
  if not file then
    return nil, message or ("the ledger has no rules with the hash %s"):format(hash), code or "ELEDGER"
  end
  file.hash = hash
  return file
end

-- Waits until the keeper of an owner that was killed has finished what it had under way: two of them would fold the
-- same events.
local function be_alone(context, name)
  local path, until_ns = files.of(context.ledger_path, name).keeper, core.system.monotonic_ns() + PATIENCE_NS
  while true do
    local held, holder, code = core.lock.try(path, ("process %d"):format(core.system.pid()))
    if held then
      context:keep({ close = function() held:release() end })
      return
    elseif code ~= "ELOCKED" or context:interrupted() or core.system.monotonic_ns() >= until_ns then
      context:fail(code == "ELOCKED" and ("%s still follows the events of '%s'"):format(holder, name) or holder, code)
    end
    core.system.sleep(0.05)
  end
end

--- Opens a keeper; see tagua.serve.part.
function M.open(context, options, rules, log)
  local name = options.to[1]
  be_alone(context, name)
  local book = context:book(name)
  local file = context:check(rules_of(book, rules.hash))
  local pool = context:pool({ jobs = 1 })
  local ruleset = context:check(pool:load({ source = file.source, name = file.name, includes = file.includes,
    path = options.rules }))
  local keeper = context:check(require("tagua.serve.keeper").open({
    name = name,
    connection = context:connection(name),
    book = book,
    ledger = context:ledger(),
    inbox = context:keep(context:check(require("tagua.events.inbox").open(files.of(context.ledger_path).inbox))),
    pool = pool,
    ruleset = ruleset,
    settings = context:settings(name),
    lock = function() return sender.try(context:settings(name), context.ledger_path, context.getenv) end,
    log = log,
  }))
  local rate = context:settings(name).rate
  return setmetatable({ keeper = keeper, book = book, name = name, per_second = rate.per_second }, Part)
end

-- See tagua.serve.part.
function Part:use(rules)
  local file, message, code = rules_of(self.book, rules.hash)
  if not file then return nil, message, code end
  return self.keeper:use(file)
end

-- See tagua.serve.part.
function Part:work(seconds, descriptors) self.keeper:round(seconds, descriptors) end

-- See tagua.serve.part.
function Part:tell()
  local counters = self.keeper:stats()
  local function value(name) return counters[metrics.name(name, { connection = self.name })] end
  local rate = value("tagua_rate_per_second")
  return { counters = counters, live = {
    per_second = self.per_second, rate = rate, in_minute = math.floor(value("tagua_quota_used") * rate * 60 + 0.5),
    paused = value("tagua_paused_seconds"), waiting = value("tagua_queue"),
  } }
end

-- See tagua.serve.part.
function Part:drain(seconds) self.keeper:drain(seconds) end

-- See tagua.serve.part.
function Part:close() self.keeper:close() end

return M
