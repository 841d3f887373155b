--- The intake: lets requests in from outside and from the host, and answers each when what it brought is on disk.
--
-- All requests that wait share one transaction of the inbox. What a request means is its route's to say: a route
-- looks at the request and gives a reply at once, or gives what the inbox is to take and the reply that follows
-- when it has been taken. It loads no rules.
--
--    local i = assert(intake.open { address = "127.0.0.1:8090", inbox = box, hooks = {...} })
--    i:route("http", "POST", "/hooks/line/*", function(call) ... end)
--    i:run(function() return system.interrupted() > 0 end)
--
-- A route's function is given a call:
--
--    { intake =, request = (core.server's), method =, path =, parts = { what * stood for, decoded } }
--
-- and returns either a reply, `{ status =, headers =, body = }`, or what is to be kept:
--
--    { events = {...}, raws = {...}, wishes = {...},   -- as the inbox takes them
--      connection = "shop",                            -- whose they are: its limit counts; or connections = {...}
--      reply = {...} or function(result) return {...} end }  -- result: { wishes = { numbers } }
--
-- @module tagua.serve.intake
local certificate = require("tagua.serve.certificate")
local core = require("tagua.core")
local forward = require("tagua.serve.forward")
local hooks = require("tagua.serve.hooks")
local json = require("tagua.json")
local logs = require("tagua.serve.log")
local options = require("tagua.options")
local terminal = require("tagua.terminal")

local M = {}

local Intake = {}
Intake.__index = Intake

local MOST_BATCH = 4096 -- requests in one transaction
local MOST_BYTES = 1024 * 1024 -- of a body,
local MOST_BYTES_HELD = 256 * 1024 * 1024 -- and of all that are being received or answered
local SPARE_DESCRIPTORS = 128 -- for files, and for passing on
local MOST_ROUNDS = 16 -- looks at a listener before what came is written
local RETRY_AFTER = "5" -- seconds, for who comes while the disk fails or too much waits
local NOBODYS = { EDISK = true, ELOCKED = true, ELEDGER = true } -- why nothing at all can be written
local HANDLERS = {} -- the key of a node's handlers, which no path can name
local SETTLED_MS = 500 -- how old the keepers' progress may be that the limit goes by

local OPEN = {
  address = { type = "string", min = 1 },
  socket = { type = "string", min = 1 },
  tls = { type = "table", fields = {
    certificate = { type = "string", required = true }, key = { type = "string", required = true },
  } },
  proxies = { type = "table" },
  hooks = { type = "table", default = {} },
  named = { type = "table", default = {} },
  replies = { type = "table", default = {} },
  ca_file = { type = "string", min = 1 },
  inbox = { type = "table", required = true },
  most_waiting = { type = "integer", min = 1 },
  settled = { type = "function" },
  log = { type = "table" },
  now = { type = "function" },
  max_connections = { type = "integer", min = 1, max = 65536, default = 1024 },
  timeout = { type = "number", min = 0.01, max = 86400, default = 30 },
}

--- A reply with a JSON body.
-- @tparam integer status
-- @tparam table body
-- @tparam[opt] {[string]=string} headers
-- @treturn table
function M.json(status, body, headers)
  local all = { ["Content-Type"] = "application/json" }
  for name, value in pairs(headers or {}) do
    all[name] = value
  end
  return { status = status, headers = all, body = assert(json.encode(body)) .. "\n" }
end

--- A reply that says what is wrong: `{"error":"..."}`.
-- @tparam integer status
-- @tparam string message
-- @tparam[opt] {[string]=string} headers
-- @treturn table
function M.refusal(status, message, headers)
  if not utf8.len(message) then message = terminal.visible(message) end -- it may quote what somebody sent
  return M.json(status, { error = message }, headers)
end

--- A reply to who should come again in a few seconds.
-- @tparam string message
-- @treturn table
function M.busy(message) return M.refusal(503, message, { ["Retry-After"] = RETRY_AFTER }) end

-- What a route reaches through its call.
Intake.json, Intake.refusal, Intake.busy = M.json, M.refusal, M.busy

local function counters()
  return { requests = 0, events = 0, duplicates = 0, raws = 0, wishes = 0, commits = 0, failed = 0, refused = {} }
end

-- The public listener alone speaks TLS and stands behind a proxy.
local function listen(o, kind, address)
  local public = kind == "http"
  return core.server.listen({
    address = address, group = true, max_connections = o.max_connections, timeout = o.timeout, max_body = MOST_BYTES,
    max_bodies = MOST_BYTES_HELD, certificate = public and o.tls and o.tls.certificate or nil,
    key = public and o.tls and o.tls.key or nil, proxies = public and o.proxies or nil,
  })
end

--- Opens an intake. It answers while `step`, `wait` or `run` is called.
-- @tparam table given
--   address: where the hooks listen, such as `127.0.0.1:8090`; nobody, unless told;
--   socket: the path of the Unix socket for other programs of the host;
--   tls: `{ certificate=, key= }`, paths of PEM files, for `address`; proxies: whose X-Forwarded-For is believed;
--   hooks: whose events each connection takes, `{ [connection] = { line = { secret=, forward= }, meta = { secret=,
--   verify_token= }, botbonnie = { secret= }, events = { sha256 = { hashes } } } }`, the secrets opened;
--   named, replies: see `use`; ca_file: whom forwards trust instead of the system's list;
--   inbox: see `tagua.events.inbox`;
--   most_waiting: so many events of a connection may wait for its keeper; new ones are then answered with 503;
--   settled: gives `{ [connection] = number }`, up to which the keepers have worked off the inbox, and the same of
--   the bodies of the rule file's own hooks, or nil;
--   log: see `tagua.serve.log`; now: milliseconds since the epoch;
--   max_connections, timeout: the listeners' caps
-- @treturn table|nil
-- @treturn string message
-- @treturn string code
function M.open(given)
  local o = options.check("intake.open", given, OPEN, 2)
  local self = setmetatable({
    inbox = o.inbox,
    log = o.log or logs.open(),
    now = o.now or function() return core.system.wall_ns() // 1000000 end,
    most_waiting = o.most_waiting,
    settled = o.settled,
    hooks = o.hooks,
    options = o,
    counters = {},
    routes = { http = {}, socket = {} },
    counts = counters(),
    listeners = {},
  }, Intake)
  self.forward = forward.open({ log = self.log, ca_file = o.ca_file, count = function(outcome)
    self:count("tagua_forwards_total", 'outcome="' .. outcome .. '"')
  end })
  self:use(o.named, o.replies)
  o.max_connections = math.max(1, math.min(o.max_connections,
    core.system.descriptors(o.max_connections + SPARE_DESCRIPTORS) - SPARE_DESCRIPTORS))
  for _, listener in ipairs({
    { kind = "http", address = o.address },
    { kind = "socket", address = o.socket and "unix:" .. o.socket },
  }) do
    if listener.address then
      local message, code
      listener.server, message, code = listen(o, listener.kind, listener.address)
      if not listener.server then
        self:close()
        return nil, message, code
      end
      self.listeners[#self.listeners + 1] = listener
    end
  end
  if #self.listeners == 0 then error("intake.open: option 'address' or 'socket' is missing", 2) end
  self.certificate = o.tls and o.address and certificate.watch(o.tls.certificate, self.now) or nil
  hooks.add(self)
  return self
end

--- Goes by other rules from now on.
-- @tparam {[string]=table} named the rule file's own hooks: `{ [name] = { connection=, secret=, header=, algorithm=,
--   encoding=, prefix= } }` or `{ connection=, secret=, bearer=true }`
-- @tparam {[string]=string} replies the JSON that a BotBonnie step with this event is answered with
function Intake:use(named, replies) self.named, self.replies = named or {}, replies or {} end

--- Counts something for whoever reads the metrics.
-- @tparam string name
-- @tparam[opt] string label `source="line"`
-- @tparam[opt=1] integer more
function Intake:count(name, label, more)
  local key = label and name .. "{" .. label .. "}" or name
  self.counters[key] = (self.counters[key] or 0) + (more or 1)
end

-- ---- routes ---------------------------------------------------------------------------------

--- Adds a route.
-- @tparam string kind "http" (the public listener) or "socket" (the Unix socket)
-- @tparam string method "POST", "GET"
-- @tparam string path `/events/*`: each part a word, or `*` for any one part
-- @tparam function handler see above
function Intake:route(kind, method, path, handler)
  local node = self.routes[kind]
  for part in path:gmatch("[^/]+") do
    node[part] = node[part] or {}
    node = node[part]
  end
  node[HANDLERS] = node[HANDLERS] or {}
  node[HANDLERS][method] = handler
end

local function decoded(part)
  if not part:find("%", 1, true) then return part end
  return (part:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

-- Finds what a path leads to -> the node, what its stars stand for; or nothing.
local function lookup(root, path)
  local node, parts = root, {}
  if path:sub(1, 1) ~= "/" or path:find("//", 1, true) or path:sub(-1) == "/" then return nil end
  for part in path:gmatch("[^/]+") do
    local text = decoded(part)
    local named = node[text]
    if named then
      node = named
    else
      -- A part that is a folder's name, hides a slash or is no text is nobody's.
      if not node["*"] or text == "." or text == ".." or text:find("[/%c]") or not utf8.len(text) then return nil end
      node = node["*"]
      parts[#parts + 1] = text
    end
  end
  return node[HANDLERS] and node or nil, parts
end

local function allowed(handlers)
  local methods = {}
  for method in pairs(handlers) do
    methods[#methods + 1] = method
  end
  table.sort(methods)
  return table.concat(methods, ", ")
end

-- What a request's route makes of it.
local function handle(self, kind, request)
  local path, method = request.path, request.method
  local node, parts = lookup(self.routes[kind], path)
  if not node then return M.refusal(404, "there is nothing at this path") end
  local handler = node[HANDLERS][method]
  if not handler then
    local methods = allowed(node[HANDLERS])
    return M.refusal(405, "this path takes " .. methods, { Allow = methods })
  end
  local call = { intake = self, request = request, method = method, path = path, parts = parts }
  local ok, result = pcall(handler, call)
  if ok then return result, call.label end
  self.log:seldom("error", "request", "a request could not be handled: " .. tostring(result))
  return M.refusal(500, "the server failed"), call.label
end

-- ---- taking ---------------------------------------------------------------------------------

local function reply_to(self, call, reply)
  local status = reply.status or 200
  self:count("tagua_requests_total", ('%s,status="%d"'):format(call.label or 'source="none"', status))
  if status >= 400 then self.counts.refused[status] = (self.counts.refused[status] or 0) + 1 end
  if self.draining then
    local headers = { Connection = "close" } -- the next request is for another process
    for name, value in pairs(reply.headers or {}) do
      headers[name] = value
    end
    reply = { status = reply.status, headers = headers, body = reply.body }
  end
  call.request:reply(reply)
end

local LISTS = { "events", "raws", "wishes" }

-- What several calls bring, as one.
local function together(calls, first, last)
  local all = { events = {}, raws = {}, wishes = {} }
  for i = first, last do
    for _, name in ipairs(LISTS) do
      local list = calls[i].taken[name]
      if list then table.move(list, 1, #list, #all[name] + 1, all[name]) end
    end
  end
  return all
end

local function answer_taken(self, calls, first, last, result)
  local numbers, at = result.wishes or {}, 0
  for i = first, last do
    local call = calls[i]
    local wishes = call.taken.wishes and #call.taken.wishes or 0
    local reply = call.taken.reply
    if type(reply) == "function" then reply = reply({ wishes = table.move(numbers, at + 1, at + wishes, 1, {}) }) end
    at = at + wishes
    reply_to(self, call, reply)
  end
end

-- Commits what calls bring -> true, or nil and why not; then none of it was taken.
local function commit(self, calls, first, last)
  local all = together(calls, first, last)
  local ok, result, message, code = pcall(self.inbox.take, self.inbox, all)
  if not ok then result, message, code = nil, tostring(result), nil end
  if not result then return nil, message, code end
  local counts = self.counts
  counts.commits = counts.commits + 1
  counts.events = counts.events + (result.events or #all.events)
  for _, event in ipairs(all.events) do
    if event.number then self:count("tagua_events_total", 'source="' .. event.source .. '"') end
  end
  counts.duplicates = counts.duplicates + (result.duplicates or 0)
  counts.raws = counts.raws + #all.raws
  counts.wishes = counts.wishes + #all.wishes
  answer_taken(self, calls, first, last, result)
  return true
end

local function take(self, calls)
  for first = 1, #calls, MOST_BATCH do
    local last = math.min(first + MOST_BATCH - 1, #calls)
    local ok, message, code = commit(self, calls, first, last)
    -- One of them may have spoiled it for all: each alone, unless it is the disk or another process.
    local alone = not ok and last > first and not NOBODYS[code]
    for i = first, ok and 0 or last do
      if alone then ok, message, code = commit(self, calls, i, i) end
      if not ok then
        self.counts.failed = self.counts.failed + 1
        self.log:seldom("error", "commit", message, { code = code })
        reply_to(self, calls[i], M.busy("what came could not be written to disk; send it again"))
      end
      ok = false
    end
  end
end

local function over_limit(self, taken)
  if not self.most_waiting or not taken.connection or not self.settled then return false end
  local now = self.now()
  if not self.progress or now - self.progress_at >= SETTLED_MS or now < self.progress_at then
    local progress, heard = self.settled()
    self.progress, self.progress_at = progress or self.progress or {}, now
    self.heard = progress and heard or self.heard or {}
    self.arrived = self.inbox:last() or {}
  end
  for _, name in ipairs(taken.connections or { taken.connection }) do
    local arrived = self.arrived[name]
    if arrived then
      local events = arrived.events - (self.progress[name] or 0)
      -- A body that the rules refused is kept for a while, and waits for nobody.
      local unparsed = math.max(0, math.min(arrived.unparsed or 0, (arrived.raws or 0) - (self.heard[name] or 0)))
      if events + unparsed + (arrived.asked or 0) >= self.most_waiting then return true end
    end
  end
  return false
end

-- Answers requests, or puts what they bring into `calls`.
local function sort_out(self, kind, requests, calls)
  for _, request in ipairs(requests) do
    self.counts.requests = self.counts.requests + 1
    local result, label = handle(self, kind, request)
    local call = { request = request, taken = result, label = label }
    if result.status then
      reply_to(self, call, result)
    elseif over_limit(self, result) then
      self.log:seldom("warning", "full", ("%d events wait for the connection: new ones are refused")
        :format(self.most_waiting), { connection = result.connection })
      reply_to(self, call, M.busy("too much waits to be worked off; send it again later"))
    else
      calls[#calls + 1] = call
    end
  end
end

-- Takes another certificate into use: a second listener takes the first one's address, and those who are connected
-- stay with the first until they go. Where the files are no certificate and key, all stays as it is.
local function renew(self, listener)
  local trial, message = listen(self.options, "http", "127.0.0.1:0")
  if not trial then
    self.log:error("certificate", "there is another certificate, and it cannot be used: " .. message)
    return
  end
  trial:close()
  local address = listener.server:address()
  listener.server:quiesce()
  self.listeners[#self.listeners + 1] = { kind = "http", server = listener.server, retired = true }
  listener.server = assert(listen(self.options, "http", address))
  self.log:info("certificate", "another certificate is in use", { certificate = self.options.tls.certificate })
end

-- Lets go of listeners that nobody is connected to any more.
local function bury(self)
  for i = #self.listeners, 1, -1 do
    local listener = self.listeners[i]
    if listener.retired and listener.server:counts().connections == 0 then
      listener.server:close()
      table.remove(self.listeners, i)
    end
  end
end

-- Handles what the listeners have, and what comes meanwhile: one commit serves them all.
local function serve(self, first)
  local calls, count = {}, 0
  for i, listener in ipairs(self.listeners) do
    local requests = i == 1 and first or listener.server:step()
    for round = 1, MOST_ROUNDS do
      count = count + #requests
      sort_out(self, listener.kind, requests, calls)
      if #requests == 0 or round == MOST_ROUNDS then break end
      requests = listener.server:step()
    end
  end
  if self.certificate then
    if self.certificate:renewed() then renew(self, self.listeners[1]) end
    if self.listeners[#self.listeners].retired then bury(self) end
  end
  self.forward:step() -- before the disk: whoever had the address before does not wait for it
  if #calls > 0 then take(self, calls) end
  return count
end

--- Answers everything that is waiting, and returns at once. The answers leave with the next step.
-- @treturn integer how many requests there were
function Intake:step() return serve(self, self.listeners[1].server:step()) end

--- Waits for requests, and answers them.
-- @tparam number seconds at most
-- @tparam[opt] {integer,...} descriptors of others that end the waiting when one can be read
-- @treturn integer how many requests there were
function Intake:wait(seconds, descriptors)
  local watched = table.move(descriptors or {}, 1, descriptors and #descriptors or 0, 1, {})
  for i = 2, #self.listeners do
    watched[#watched + 1] = self.listeners[i].server:fd()
  end
  seconds = self.forward:watch(watched, seconds)
  return serve(self, self.listeners[1].server:wait(seconds, watched))
end

--- Answers until a function says that it is time to stop. It is asked at least four times a second,
-- and whenever a signal comes.
-- @tparam function stop
-- @treturn boolean true
function Intake:run(stop)
  while not stop() do
    self:wait(0.25)
  end
  return true
end

--- Where it listens.
-- @tparam[opt="http"] string kind
-- @treturn string|nil
function Intake:address(kind)
  for _, listener in ipairs(self.listeners) do
    if listener.kind == (kind or "http") then return listener.server:address() end
  end
  return nil
end

--- What it did since it began: requests, events (kept), duplicates, raws, wishes, commits, failed (requests whose
-- commit failed), refused = { [status] = requests }.
function Intake:stats() return self.counts end

--- The same and more, as the metrics name it; see `tagua.serve.metrics`.
-- @treturn {[string]=number}
function Intake:metrics()
  local counts, all = self.counts, {}
  for key, value in pairs(self.counters) do
    all[key] = value
  end
  all.tagua_duplicates_total = counts.duplicates
  all.tagua_commits_total = counts.commits
  all.tagua_commits_failed_total = counts.failed
  all.tagua_raws_total = counts.raws
  all.tagua_wishes_total = counts.wishes
  all.tagua_forwards_waiting = self.forward:pending()
  for _, listener in ipairs(self.listeners) do
    local its = listener.server:counts()
    local clients = ('tagua_clients{listener="%s"}'):format(listener.kind)
    local evicted = ('tagua_clients_evicted_total{listener="%s"}'):format(listener.kind)
    all[clients] = (all[clients] or 0) + its.connections
    all[evicted] = (all[evicted] or 0) + its.evicted
  end
  return all
end

--- Ends in good order: takes no more connections, answers what waits, and passes on what is to be passed on.
-- @tparam number seconds at most
function Intake:drain(seconds)
  local until_ns = core.system.monotonic_ns() + seconds * 1e9
  self:wait(0) -- whoever is in the kernel's queue has asked already
  for _, listener in ipairs(self.listeners) do
    listener.server:quiesce()
  end
  self.draining = true
  repeat
    local count = self:wait(0.05)
  until (count == 0 and self.forward:pending() == 0) or core.system.monotonic_ns() >= until_ns
  self.listeners[1].server:step()
end

--- Ends the intake: what was answered still leaves. Twice is fine.
function Intake:close()
  for _, listener in ipairs(self.listeners) do
    if listener.server then listener.server:close() end
  end
  self.listeners = {}
  self.forward:close()
end

return M
