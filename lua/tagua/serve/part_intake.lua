--- The intake as a part of `tagua serve`: opens it as connections.lua says, with the secrets that it verifies by.
-- @module tagua.serve.part_intake
local files = require("tagua.serve.files")
local secrets = require("tagua.secrets")

local M = {}

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

-- The rule file's own hooks, with their secrets -> the table, or nil and what is wrong.
local function named_of(self, hooks)
  local named = {}
  for name, hook in pairs(hooks or {}) do
    local verify = hook.verify
    local secret = self.secrets[verify.secret]
    if not secret then
      return nil, ("the hook '%s' goes by the secret '%s', which connections.lua does not have: add it to serve "
        .. "{ secrets = { %s = env \"NAME\" } }"):format(name, verify.secret, verify.secret)
    end
    if not self.served[hook.to] then
      return nil, ("the hook '%s' is for the connection '%s', which is not served: name it with --to"):format(name,
        hook.to)
    end
    named[name] = {
      connection = hook.to, secret = secret, bearer = verify.bearer, header = verify.header,
      algorithm = verify.algorithm, encoding = verify.encoding, prefix = verify.prefix,
    }
  end
  return named
end

--- Opens the intake; see tagua.serve.part.
function M.open(context, options, rules, log)
  local beside = files.of(context.ledger_path)
  local serving = context.serving
  local self = setmetatable({ secrets = opened(context, serving.secrets), served = {} }, Part)
  for _, name in ipairs(options.to) do
    self.served[name] = true
  end
  local named, message = named_of(self, rules.hooks)
  if not named then context:fail(message, "ECONFIG") end
  local settled = require("tagua.events.follow").settled
  local intake = context:check(require("tagua.serve.intake").open({
    address = serving.listen, socket = serving.socket or beside.socket, log = log, tls = serving.tls,
    proxies = #serving.proxies > 0 and serving.proxies or nil, most_waiting = serving.most_waiting,
    inbox = context:keep(context:check(require("tagua.events.inbox").open(beside.inbox))),
    hooks = hooks_of(context, options.to), named = named, replies = rules.replies,
    settled = function()
      local numbers, problem = settled(context.ledger_path)
      if not numbers then
        log:seldom("error", "progress", "how far the keepers are cannot be read: " .. problem)
        return nil
      end
      return numbers
    end,
  }))
  self.intake = context:keep(intake)
  self.at = { http = intake:address("http"), socket = intake:address("socket") }
  return self
end

-- See tagua.serve.part.
function Part:use(rules)
  local named, message = named_of(self, rules.hooks)
  if not named then return nil, message end
  self.intake:use(named, rules.replies)
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
