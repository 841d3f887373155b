--- The intake as a part of `tagua serve`: opens it as connections.lua says, with the secrets that it verifies by.
-- @module tagua.serve.part_intake
local files = require("tagua.serve.files")
local named = require("tagua.serve.named")
local secrets = require("tagua.secrets")

local M = {}

-- How long a commit waits for another process's, in seconds: whoever sends is better told to come again.
local BUSY = 5

local Part = {}
Part.__index = Part

-- Opens the secrets in a table of options; everything else stays.
local function opened(context, given)
  local all = {}
  for name, value in pairs(given) do
    if secrets.is(value) then
      all[name] = context:keep(context:check(secrets.open(value)))
    else
      all[name] = value
    end
  end
  return all
end

-- Whose events each of the served connections takes.
local function hooks_of(context, names)
  local hooks = {}
  for _, name in ipairs(names) do
    hooks[name] = {}
    for kind, given in pairs(context:settings(name).hooks or {}) do
      hooks[name][kind] = opened(context, given)
    end
  end
  return hooks
end

--- Opens the intake; see tagua.serve.part.
function M.open(context, options, rules, log)
  local beside = files.of(context.ledger_path)
  local serving = context.serving
  local self = setmetatable({ secrets = opened(context, serving.secrets), served = options.to }, Part)
  local settled = require("tagua.events.follow").settled
  local intake = context:check(require("tagua.serve.intake").open({
    address = serving.listen, socket = serving.socket or beside.socket, log = log, tls = serving.tls,
    proxies = #serving.proxies > 0 and serving.proxies or nil, most_waiting = serving.most_waiting,
    inbox = context:keep(context:check(require("tagua.events.inbox").open(beside.inbox, { busy = BUSY }))),
    hooks = hooks_of(context, options.to), named = context:check(named.resolve(rules.hooks, self.served, self.secrets)),
    replies = rules.replies,
    settled = function()
      local numbers, heard = settled(context.ledger_path)
      if not numbers then
        log:seldom("error", "progress", "how far the keepers are cannot be read: " .. heard)
        return nil
      end
      return numbers, heard
    end,
  }))
  require("tagua.serve.socket").add(intake, { connections = options.to, ledger = context.ledger_path })
  self.intake = context:keep(intake)
  self.at = { http = intake:address("http"), socket = intake:address("socket") }
  return self
end

-- See tagua.serve.part.
function Part:use(rules)
  local found, message = named.resolve(rules.hooks, self.served, self.secrets)
  if not found then return nil, message end
  self.intake:use(found, rules.replies)
  return true
end

-- See tagua.serve.part.
function Part:work(seconds, descriptors) self.intake:wait(seconds, descriptors) end

-- See tagua.serve.part.
function Part:tell() return { counters = self.intake:metrics() } end

-- See tagua.serve.part.
function Part:drain(seconds) self.intake:drain(seconds) end

-- See tagua.serve.part.
function Part:close() self.intake:close() end

return M
