--- The intake as a part of `tagua serve`: opens it as connections.lua says, with the secrets that it verifies by.
-- @module tagua.serve.part_intake
local files = require("tagua.serve.files")

local M = {}

local Part = {}
Part.__index = Part

--- Opens the intake; see tagua.serve.part.
function M.open(context, _, _, log)
  local beside = files.of(context.ledger_path)
  local serving = context.serving
  local inbox = context:keep(context:check(require("tagua.events.inbox").open(beside.inbox)))
  local intake = context:keep(context:check(require("tagua.serve.intake").open({
    address = serving.listen, socket = serving.socket or beside.socket, inbox = inbox, log = log,
  })))
  return setmetatable({ intake = intake, at = {
    http = intake:address("http"), socket = intake:address("socket"),
  } }, Part)
end

-- See tagua.serve.part.
function Part:use() return true end -- it asks the rules nothing

-- See tagua.serve.part.
function Part:work(seconds, descriptors) self.intake:wait(seconds, descriptors) end

-- See tagua.serve.part.
function Part:tell()
  local stats, counters = self.intake:stats(), {}
  counters["tagua_commits_total"] = stats.commits
  counters["tagua_commits_failed_total"] = stats.failed
  return { counters = counters }
end

-- See tagua.serve.part.
function Part:drain() self.intake:step() end

-- See tagua.serve.part.
function Part:close() self.intake:close() end

return M
