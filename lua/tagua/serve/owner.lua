--- The owner of `tagua serve`, the process that a person or systemd started: its parts, its signals, its rules, the
-- admin address, the word to the service manager. Takes no event and sends nothing to a platform.
-- @module tagua.serve.owner
local admin = require("tagua.serve.admin")
local children = require("tagua.serve.children")
local core = require("tagua.core")
local errors = require("tagua.errors")
local files = require("tagua.serve.files")
local hooks = require("tagua.serve.named")
local json = require("tagua.json")
local logs = require("tagua.serve.log")
local manager = require("tagua.serve.manager")
local metrics = require("tagua.serve.metrics")
local page = require("tagua.serve.page")
local reload = require("tagua.serve.reload")
local terminal = require("tagua.terminal")
local url = require("tagua.url")

local M = {}

local Owner = {}
Owner.__index = Owner

local SECOND = 1000000000
local ROUND = 0.25 -- seconds between two looks at signals and files
local DRAIN = 30 -- seconds that the parts have to end in good order
local MOST_CONNECTIONS = 50
local LONGEST_LINE = 1024 * 1024 -- bytes that a part is told at once, see host/process.h
local BUG = 70 -- EX_SOFTWARE in sysexits.h

-- ---- what is served -------------------------------------------------------------------------

--- The connections that are served: those that --to names, else those with hooks, else the only one there is.
-- @tparam context context
-- @tparam {string,...} named
-- @treturn {string,...}
function M.targets(context, named)
  local connections, names, seen = context:connections(), {}, {}
  if #named > 0 then
    for _, name in ipairs(named) do
      if seen[name] then context:fail(("--to names '%s' twice"):format(name), "EUSAGE") end
      seen[name], names[#names + 1] = true, name
      context:settings(name)
    end
  else
    local all = {}
    for name, given in pairs(connections) do
      if given.hooks then names[#names + 1] = name end
      if name ~= "local" then all[#all + 1] = name end
    end
    table.sort(names)
    table.sort(all)
    if #names == 0 and #all > 1 then
      context:fail(("no connection of %s has hooks: name with --to which of %s to serve"):format(
        context.connections_path, table.concat(all, ", ")), "EUSAGE")
    elseif #names == 0 then
      names[1] = all[1] or "local"
    end
  end
  if #names > MOST_CONNECTIONS then
    context:fail(("%d connections are more than the %d that one tagua serve takes: start another one, with another"
      .. " ledger, for the rest"):format(#names, MOST_CONNECTIONS), "EUSAGE")
  end
  return names
end

-- One `tagua serve` for a ledger: two would start each event's rules twice.
local function lock(context, path)
  local held, holder, code = core.lock.try(path, ("process %d"):format(core.system.pid()))
  if not held and code == "ELOCKED" then
    context:fail(("%s serves the ledger %s already: stop it, or give another ledger with --ledger"):format(
      holder ~= "" and holder or "another process", context.ledger_path), code)
  end
  context:check(held, holder, code)
  context:keep({ close = function() held:release() end })
end

-- ---- starting -------------------------------------------------------------------------------

local function line_of_rules(accepted)
  local description = accepted.description
  return assert(json.encode({ ["do"] = "rules", hash = accepted.hash, hooks = description.hooks,
    replies = description.replies }))
end

-- Whether the parts can go by rules -> true, or nil, message, code.
function Owner:takes(description)
  local found, message, code = hooks.resolve(description.hooks, self.names, self.serving.secrets)
  if not found then return nil, message, code end
  local size = #line_of_rules({ description = description, hash = ("0"):rep(64) })
  if size > LONGEST_LINE then
    return nil, ("the hooks and replies of the rules are %d bytes long together, at most %d are taken: make the "
      .. "replies shorter"):format(size, LONGEST_LINE), "ERULES"
  end
  return true
end

-- Starts a part: this program again, with the same options.
local function starter(context, options, names)
  return function(part)
    local arguments = { "serve", "--rules", options.rules, "--ledger", context.ledger_path, "--part", part.kind }
    if options.config then table.move({ "--config", options.config }, 1, 2, #arguments + 1, arguments) end
    for _, name in ipairs(part.connection and { part.connection } or names) do
      table.move({ "--to", name }, 1, 2, #arguments + 1, arguments)
    end
    return core.process.start("/proc/self/exe", arguments)
  end
end

-- Opens everything but the parts: what is wrong with the rules or the configuration is told before anything listens.
local function open(context, options)
  local log = logs.open()
  local names = M.targets(context, options.to)
  local self = setmetatable({ context = context, options = options, names = names, log = log,
    began = os.time(), serving = context.serving, looked_ns = 0, manager = manager.open({ log = log }) }, Owner)
  local settings = {}
  for i, name in ipairs(names) do
    settings[i] = context:settings(name)
  end
  lock(context, files.of(context.ledger_path).lock)
  self.reload = reload.open({ path = options.rules, settings = settings, book = context:book(names[1]),
    now = function() return context:now() end, log = log, config = context.connections_path,
    check = function(description) return self:takes(description) end })
  context:check(self.reload:load())
  local token = context:keep(context:check(admin.token(self.serving, context.getenv)))
  self.page = context:keep(context:check(self:open_page(settings)))
  self.admin = context:keep(context:check(admin.open({ address = self.serving.admin, token = token, log = log,
    metrics_open = self.serving.metrics_open, routes = self:routes(), open = page.open_routes })))
  local parts = { { kind = "intake" } }
  for _, name in ipairs(names) do
    parts[#parts + 1] = { kind = "keeper", connection = name }
  end
  self.children = context:keep(children.open({
    parts = parts, start = starter(context, options, names), log = log, clock = core.system.monotonic_ns,
    greet = function() return line_of_rules(self.reload.accepted) end,
    heard = function(part, said) self:heard(part, said) end,
  }))
  return self
end

-- What a part says beside how it is.
function Owner:heard(part, said)
  if said.is == "using" then
    part.hash = said.hash
  elseif said.is == "refused" then
    self.log:error("rules", ("the %s could not take the rules over"):format(part.name), { message = said.message })
  end
end

-- ---- what the admin address tells -------------------------------------------------------------

-- How everything is, for the page and for programs.
function Owner:state()
  local accepted, refused = self.reload.accepted, self.reload.refused
  local parts = {}
  for i, part in ipairs(self.children.parts) do
    parts[i] = { part = part.kind, connection = part.connection, ready = part.ready or false, restarts = part.restarts,
      failure = part.failure and part.failure.message or nil }
  end
  return {
    began = self.began, now = self.context:now(), version = require("tagua.version"), draining = self.draining ~= nil,
    rules = { path = self.options.rules, hash = accepted.hash, accepted = accepted.at, tests = accepted.tests,
      refused = refused and { at = refused.at, message = self.context.redact(refused.message) } or nil },
    configuration_changed = self.reload.config_changed or false,
    parts = json.array(parts),
  }
end

-- What the owner counts itself, and what the parts have told it.
function Owner:values()
  local values = self.children:counters()
  local ready = self.children:ready()
  local function put(value, name, labels) values[metrics.name(name, labels)] = value end
  put(1, "tagua_build_info", { version = require("tagua.version") })
  put(self.began, "tagua_started_seconds")
  put(ready and not self.draining and 1 or 0, "tagua_ready")
  put(1, "tagua_rules_info", { hash = self.reload.accepted.hash })
  put(self.reload.reloads, "tagua_rules_reloads_total")
  put(self.reload.refusals, "tagua_rules_refused_total")
  put(self.reload.refused and 1 or 0, "tagua_rules_stale")
  put(self.reload.config_changed and 1 or 0, "tagua_configuration_stale")
  for _, part in ipairs(self.children.parts) do
    local labels = { part = part.kind, connection = part.connection }
    put(part.ready and 1 or 0, "tagua_part_up", labels)
    put(part.restarts, "tagua_part_restarts_total", labels)
  end
  return values
end

-- The page, which reads the ledger, and asks the keepers' last words for what is not in there.
function Owner:open_page(settings)
  local served = {}
  for i, name in ipairs(self.names) do
    served[name] = { per_second = settings[i].rate.per_second }
  end
  return page.open({
    ledger = self.context.ledger_path,
    zone = self.reload.accepted.description.zone,
    served = served,
    live = function()
      local live = {}
      for _, part in ipairs(self.children.parts) do
        if part.connection then live[part.connection] = part.report.live end
      end
      return live
    end,
    state = function() return self:state() end,
    now = function() return self.context:now() end,
  })
end

-- What the admin address answers.
function Owner:routes()
  local routes = {
    ["GET /healthz"] = function() return admin.text(200, "ok\n") end,
    ["GET /readyz"] = function()
      local ready, missing = self.children:ready()
      if self.draining then return admin.text(503, "draining\n") end
      if not ready then return admin.text(503, "not ready: " .. table.concat(missing, ", ") .. "\n") end
      return admin.text(200, "ready\n")
    end,
    ["GET /metrics"] = function()
      local reply = admin.text(200, metrics.text(self:values()))
      reply.headers["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8"
      return reply
    end,
    ["GET /api/serve"] = function() return admin.json(200, self:state()) end,
  }
  for route, handler in pairs(self.page.routes) do
    routes[route] = handler
  end
  return routes
end

-- ---- the service manager ----------------------------------------------------------------------

-- One line for `systemctl status`.
function Owner:status()
  local ready, missing = self.children:ready()
  if self.draining then return "draining" end
  if not ready then return "waiting for " .. table.concat(missing, ", ") end
  local rules = self.reload.refused and "the rule file is refused, older rules go on" or "rules in use"
  return ("serving %s; %s"):format(table.concat(self.names, ", "), rules)
end

-- ---- working ----------------------------------------------------------------------------------

-- Hands accepted rules to the parts.
function Owner:take_over(accepted)
  self.children:tell(line_of_rules(accepted))
end

-- Looks at the rule file and at connections.lua.
function Owner:look(at_once)
  if at_once then
    self.manager:reloading(self:status())
  end
  local accepted = self.reload:look(at_once)
  if accepted then self:take_over(accepted) end
  self.reload:look_config()
  if at_once then self.manager:ready(self:status()) end
end

-- A part that cannot start for a reason that waiting does not mend ends the start with its own words.
function Owner:check_start()
  for _, part in ipairs(self.children.parts) do
    local failure = part.failure
    if failure then
      local exit = errors.exit(failure.code)
      local hopeless = exit == errors.EXIT_USAGE or exit == errors.EXIT_RULES or exit == errors.EXIT_AUTH
      if part.kind == "intake" or hopeless or part.exit == BUG then self.context:fail(failure.message, failure.code) end
    end
  end
end

local function with_scheme(address) return address:find("^unix:") and address or "http://" .. address end

-- Says once what is served where.
function Owner:announce()
  local context, accepted = self.context, self.reload.accepted
  local at = self.children.parts[1].at or {}
  local scheme = self.serving.tls and "https://" or "http://"
  local socket = at.socket and at.socket:gsub("^unix:", "")
  socket = socket and "unix:" .. (core.system.real_path(socket) or socket)
  local where = at.http and (at.http:find("^unix:") and at.http or scheme .. at.http)
  self.log:info("ready", "taking events", { address = where, socket = socket, connections = self.names,
    rules = self.options.rules, hash = accepted.hash, admin = with_scheme(self.admin:address()) })
  for _, address in ipairs({ not self.serving.tls and at.http or nil, self.admin:address() }) do
    if not url.is_private(address) then
      self.log:warning("address", "others can reach this address, and read on the way what is sent to it: put a server"
        .. " with TLS in front", { address = address })
    end
  end
  if self.options.json then
    context:json({ listen = where, socket = socket, admin = with_scheme(self.admin:address()),
      connections = json.array(self.names), rules = self.options.rules, hash = accepted.hash })
  else
    context:print(("tagua: taking events on %s%s"):format(where, socket and " and " .. socket or ""))
    for _, name in ipairs(self.names) do
      context:print("  for " .. terminal.visible(context:account(name)))
    end
    local tags = accepted.description.tags
    context:print(("  by %s: %s, %s passed"):format(terminal.visible(self.options.rules),
      terminal.count(#tags, "tag"), terminal.count(accepted.tests, "test")))
    context:print(("  page: %s/ (tagua token page tells its token)"):format(with_scheme(self.admin:address())))
  end
  context:flush()
end

-- How often somebody wanted this to end.
local function stops() return core.system.interrupted() - core.system.hangups() end

-- Waits a moment for whatever comes, and sees to it.
function Owner:round()
  self.admin:wait(ROUND, self.children:fds())
  self.children:step()
  self.manager:feed(self.children:answering(), self:status())
  return core.system.monotonic_ns()
end

-- Minds the parts until each is ready.
function Owner:start()
  self.children:step()
  while stops() == 0 do
    self:check_start()
    if self.children:ready() then
      self:announce()
      self.manager:ready(self:status())
      return
    end
    self:round()
  end
end

-- Minds everything until somebody wants this to end.
function Owner:serve()
  local hangups = 0
  while stops() == 0 do
    local now_ns = self:round()
    local hung_up = core.system.hangups()
    if hung_up > hangups then
      hangups = hung_up
      self:look(true)
    elseif now_ns - self.looked_ns >= SECOND then
      self.looked_ns = now_ns
      self:look(false)
    end
  end
end

-- Ends the parts in good order -> the exit code.
function Owner:drain()
  self.draining = core.system.monotonic_ns()
  self.manager:stopping(self:status())
  self.log:info("stopping", "finishing what is under way; a second signal ends it at once")
  self.children:stop('{"do":"stop"}')
  while #self.children:left() > 0 do
    if stops() > 1 then
      self.log:warning("stopping", "ended at once, as a second signal wanted")
      return errors.EXIT_INTERRUPTED
    elseif core.system.monotonic_ns() - self.draining >= DRAIN * SECOND then
      local slow = table.concat(self.children:left(), ", ")
      self.log:warning("stopping", ("%s did not finish in %d s"):format(slow, DRAIN))
      break
    end
    self:round()
  end
  self.log:info("stopped", "everything that was taken is on disk")
  return errors.EXIT_DONE
end

--- Serves until it is told to stop.
-- @tparam context context
-- @tparam table options of the command
-- @treturn integer the exit code
function M.run(context, options)
  local self = open(context, options)
  self:start()
  self:serve()
  return self:drain()
end

return M
