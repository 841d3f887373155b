--- Rules with the limits that the command gives them, for a program that runs rules which are not its own: the
-- file is run in a process that holds two pipes and nothing else, with a cap on memory and on time. What a rule
-- does there is its end, never the program's.
-- @module tagua.rules.sandbox
local core = require("tagua.core")
local deciding = require("tagua.rules.deciding")
local fields = require("tagua.rules.fields")
local options = require("tagua.options")
local pools = require("tagua.rules.pool")

local M = {}

local MIB = 1024 * 1024
local DEATHS_MOST = 5 -- workers that one rule may end before it is not run any more

local LOAD = {
  path = { type = "string", min = 1 },
  source = { type = "string" },
  name = { type = "string", min = 1 },
  memory = { type = "integer", min = 4 * MIB, max = 4096 * MIB },
  seconds = { type = "number", min = 0.01, max = 3600 },
  lua = { type = "string", min = 1 },
}

local Sandbox = {}
Sandbox.__index = Sandbox

-- How to start a worker: the executable itself where there is one, else an interpreter with this module.
local function command(lua)
  if not lua and core.workers.executable() then return nil end
  local script, missing = package.searchpath("tagua.rules.worker", package.path)
  local library
  if script then library, missing = package.searchpath("tagua.core", package.cpath) end
  if not library then
    return nil, "rules.sandbox: a worker needs the modules as files, and one is not found:" .. missing, "EUNSUPPORTED"
  end
  return { lua or "lua5.4", script, library }
end

--- Loads a rule file into a sandbox: see tagua.rules.sandbox.
function M.load(given)
  if type(given) == "string" then given = { path = given } end
  local checked = options.check("rules.sandbox", given, LOAD, 3)
  if _VERSION ~= "Lua 5.4" then
    return nil, ("rules.sandbox needs Lua 5.4, this is %s; rules.load runs rules in the program's own state, without "
      .. "limits"):format(_VERSION), "EUNSUPPORTED"
  end
  local start, message, code = command(checked.lua)
  if message then return nil, message, code end
  local pool = pools.start({ jobs = 1, memory = checked.memory, seconds = checked.seconds, command = start })
  local description
  description, message, code = pool:load({ path = checked.path, source = checked.source, name = checked.name })
  local ready = description
  if ready then -- what records look like is told by each; from here on the worker can open no file
    ready, message, code = pool:input({ format = "jsonl", at = 0 })
  end
  if not ready then
    pool:close()
    return nil, message, code
  end
  local self = { pool = pool, seconds = pool.seconds, deaths = {}, skip = nil }
  for name, value in pairs(description) do self[name] = value end
  return setmetatable(self, Sandbox)
end

-- A value as it travels to a worker. What cannot, fits no type there either.
local function portable(field, value)
  if field.type == "tagset" and type(value) == "table" then return fields.convert(field, value) or 0 end
  local kind = type(value)
  if kind == "string" or kind == "number" or kind == "boolean" then return value end
  if kind == "userdata" and not getmetatable(value) then return "" end -- what a database gives for no value
  return field.type == "tagset" and 0 or {}
end

-- Notes that a rule has ended its worker on this record; one that does it again and again is not run any more.
function Sandbox:blame(request, rule, reason)
  request.skip = request.skip or {}
  request.skip[rule] = reason
  self.deaths[rule] = (self.deaths[rule] or 0) + 1
  if self.deaths[rule] == DEATHS_MOST then
    self.skip = self.skip or {}
    self.skip[rule] = ("is not run any more: it ended a worker for %d users"):format(DEATHS_MOST)
  end
end

-- A worker has ended without a word: asks each rule alone, to learn which of them does it.
function Sandbox:find(request)
  local found
  for rule = 1, #self.rules do
    if not (request.skip and request.skip[rule]) then
      local answer, _, _, ended = self.pool:ask({ values = request.values, at = request.at, only = rule })
      if not answer and ended then
        found = true
        self:blame(request, rule, "ended its worker")
      end
    end
  end
  return found
end

--- Decides one record, as `ruleset:decide` does, but for: a rule that takes too long or too much memory, or ends
-- its worker, has failed for this record; the others are decided. Waits for the worker.
-- @tparam table record its values by the fields' names or their columns'
-- @tparam[opt] number now seconds since the epoch; the time of day unless given
-- @treturn table|nil { [tag] = true | false }
-- @treturn table|string `unknown` { [tag] = the field without a value }, `failed` { [tag] = message }; or what is
--   wrong with the sandbox itself
-- @treturn string code
function Sandbox:decide(record, now)
  options.argument("decide: record", record, { type = "table", required = true }, 2)
  if not self.pool.ruleset then error("the sandbox is closed", 2) end
  local request = {
    values = deciding.values(self.fields, record, portable),
    at = math.tointeger((now or core.system.wall_ns() // 1000000000) // 1),
  }
  for rule, reason in pairs(self.skip or {}) do
    request.skip = request.skip or {}
    request.skip[rule] = reason
  end
  local silent = 0 -- workers that ended without a word; the first may have been ended by somebody else
  for _ = 0, 2 * #self.rules + 1 do
    local answer, message, code, ended = self.pool:ask(request)
    if answer then return answer[1], answer[2] end
    if math.type(ended) == "integer" then
      self:blame(request, ended + 1,
        ("got stuck inside one call for more than %g s (a pattern that tries too much?)"):format(self.seconds))
    else
      silent = silent + 1
      if not ended or silent > 1 and not self:find(request) then return nil, message, code end
    end
  end
  return nil, self.name .. ": the rules end every worker", "ERULES"
end

--- Runs the test blocks of the file.
-- @tparam[opt] number at the moment (seconds) that a test without `at` takes for now
-- @treturn {table,...}|nil { name, ok, message, line }
-- @treturn string message
-- @treturn string code
function Sandbox:test(at)
  if not self.pool.ruleset then error("the sandbox is closed", 2) end
  return self.pool:test({ at = at })
end

--- Ends the worker. A sandbox that is collected is closed.
function Sandbox:close() self.pool:close() end

Sandbox.__close = Sandbox.close

return M
