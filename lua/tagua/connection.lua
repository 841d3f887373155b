--- A connection: one account on a platform, and everything that can be done with it.
--
-- Misuse (a wrong type, an unknown option, a closed connection) raises at the caller's line. What
-- can fail at run time returns `nil, message, code`, the code from `tagua.errors`.
--
-- A connection owns its engine, the secrets that it opened, and the twin of a local connection.
-- It belongs to the Lua state and the process that opened it.
-- @module tagua.connection
local arguments = require("tagua.arguments")
local core = require("tagua.core")
local nearest = require("tagua.nearest")
local opening = require("tagua.opening")
local options = require("tagua.options")
local pair = require("tagua.pair")
local perform = require("tagua.perform")
local platforms = require("tagua.platform")
local sentence = require("tagua.sentence")
local settings_of = require("tagua.settings")

local M = {}

local Connection = {}
Connection.__index = Connection
Connection.__name = "tagua.connection"

-- How long a blocking call waits before it looks for a signal again.
local TICK = 0.5

--- Opens a connection.
--
-- * `platform`, and what it needs: BotBonnie `bot`, `page`, `channel`, `token`; MantaGo `bot`,
--   `channel`, `token`, `secret`, and perhaps `family` and `paths`
-- * `name`: what messages call it
-- * `url` in place of the platform's address: `http://127.0.0.1:...`, `https://...`, `unix:/path`;
--   plain http to another machine only with `insecure_http = true`; `ca_file`: certificates to trust
--   in place of the system's
-- * `rate = { per_second = 5, burst = 1, adaptive = false, at_most = }`, `in_flight` (16, at most
--   256), `attempts` (5)
-- * in seconds: `timeout` (30), `connect_timeout` (10), `give_up_after` (600), `quarantine` (as
--   `timeout`)
-- * `conflicts`: whether a tag that the rules and a person in the console disagree on stays as the
--   person left it (`console_wins`) or becomes what the rules want (`rules_win`)
-- * `ledger = "tagua.db"`: `tag_user`, `untag_user` and `perform` send through this ledger, together with every
--   other process that uses it: on disk first, settled when an answer is lost, one sender for all
-- * `platform = "local"`: `store` ("tagua-local.db"), `limit` (the twin's own), `faults`, `as`
--
-- @tparam table given the options
-- @tparam[opt=1] integer level whose line a mistake is reported at, as in `error`
-- @treturn connection|nil
-- @treturn string what cannot be opened
-- @treturn string code
function M.open(given, level)
  local settings, complaint = settings_of.verify("connect", given)
  if not settings then error(complaint, (level or 1) + 1) end
  local self = setmetatable({
    name = settings.name,
    settings = settings,
    vendor = settings.vendor,
    secrets = {},
    opened = {}, -- the secrets that are this connection's to close
    finished = {}, -- results of what `start` began
    started = 0, -- how many of those are to come
    unfinished = 0, -- requests that nobody has the outcome of yet
    memory = {}, -- what the platform's module keeps from one call to the next
  }, Connection)
  self.take_started = function(request)
    self.started = self.started - 1
    self.finished[#self.finished + 1] = perform.result_of(request)
  end
  local ok, message, code = opening.open(self)
  if not ok then
    self:close()
    return nil, ("connection '%s': %s"):format(self.name, message), code
  end
  -- Finalizers run in reverse order: this one, made last, finds all that it has to close still open.
  self.guard = setmetatable({}, { __gc = function() self:close() end })
  return self
end

-- Raises unless the connection is open; level counts from the function that calls this.
local function check_open(self, level)
  if getmetatable(self) ~= Connection then
    error("call this with a colon: connection:method(...)", level + 1)
  elseif self.closed then
    error(("connection '%s' is closed"):format(self.name), level + 1)
  end
end

-- Turns the engine's result into the request's outcome.
local function finish(self, request, result)
  self.unfinished = self.unfinished - 1
  request.done = true
  request.result = result
  if result.ok then
    local value, message, code = self.vendor.read[request.primitive](
      self.settings.identity, result.body, request[1], request[2], request[3])
    if value ~= nil then
      request.value = value
      return
    end
    request.message, request.code = sentence(self, request, message, code), code
    return
  end
  request.code = result.code
  request.message = sentence(self, request, result.message or "no reason was given", result.code)
end

-- Waits for the engine at most so long, and hands results to whom they belong.
function Connection:pump(seconds, fds)
  local engine, twin = self.engine, self.twin
  local results, message
  if self.pair then self.pair:look_ahead(engine) end
  if twin then
    twin:step()
    local all = { twin:fd() }
    for _, fd in ipairs(fds or {}) do
      all[#all + 1] = fd
    end
    results, message = engine:poll(seconds, all)
  else
    results, message = engine:poll(seconds, fds)
  end
  if self.pair then self.pair:attend(self) end
  -- The transport itself is out of order: nobody's request can be answered any more.
  if not results then error(("connection '%s': %s"):format(self.name, message), 0) end
  for i = 1, #results do
    local result = results[i]
    local request = result.token
    if result.verdict == "cancelled" and self.dropping and request.owner ~= self.dropping
      and not engine:stopped() then
      engine:submit(request.submitted) -- it was dropped along with the owner's
    else
      finish(self, request, result)
      local sink = request.sink
      if sink then sink(request) end
    end
  end
  return #results
end

-- Makes a request and hands it to the engine; `sink` is given the request when it is done.
-- Returns the request, or nil and what is wrong with the arguments.
function Connection:submit(primitive, sink, first, second, third)
  local submitted, complaint = self.vendor[primitive](self.settings.identity, first, second, third)
  if not submitted then return nil, complaint end
  -- All its fields at once: a table that grows is made anew, and there is one for each operation.
  local request = {
    first, second, third,
    primitive = primitive,
    sink = sink or false,
    submitted = submitted,
    done = false,
    operation = false,
    owner = false,
    result = false,
    value = nil,
  }
  submitted.token = request
  self.engine:submit(submitted)
  self.unfinished = self.unfinished + 1
  return request
end

--- Drops what is queued of one owner, and waits for the rest of it.
-- @local
-- @param owner as given to `perform.begin`
-- @tparam function is_over tells when there is nothing left to wait for
function Connection:drop(owner, is_over)
  self.dropping = owner
  self.engine:drop_queued()
  while not is_over() and not self.closed do
    self:pump(TICK)
  end
  self.dropping = nil
end

-- A new run after one that was stopped: a long-lived program may try again, with one request first.
local function revive(self)
  if self.unfinished == 0 and self.engine:stopped() then
    self.engine:restart()
  end
end

-- Whether the platform has a primitive, in one request or in several.
local function has(self, primitive, tag)
  local vendor = self.vendor
  if vendor.can then return vendor.can(self.settings.identity, primitive, tag) end
  return vendor[primitive] ~= nil
end

local function unsupported(self, primitive)
  return nil,
    ("connection '%s': %s has no %s"):format(self.name, self.vendor.title, primitive),
    "EUNSUPPORTED"
end

-- Waits for a request; a signal drops what is still queued.
local function wait_for(self, request)
  local signals = core.system.interrupted()
  while not request.done do
    self:pump(self.meanwhile and 0.01 or TICK)
    if self.meanwhile then self.meanwhile() end -- of a program that has other things to do: its own loop
    if core.system.interrupted() > signals then
      signals = core.system.interrupted()
      self.engine:drop_queued()
    end
  end
  if request.value ~= nil then return request.value end
  return nil, request.message, request.code
end

-- A primitive that takes several requests: the platform's module asks for each.
local function call_steps(self, primitive, first, second)
  local shown_as = { first, second, primitive = primitive }
  local function ask(step, ...)
    local request, complaint = self:submit(step, nil, ...)
    if not request then return nil, sentence(self, shown_as, complaint), "EUSAGE" end
    request.shown_as = shown_as
    return wait_for(self, request)
  end
  local value, message, code =
    self.vendor.composed[primitive](ask, self.settings.identity, self.memory, first, second)
  if value ~= nil then return value end
  if not message:find("^connection '") then message = sentence(self, shown_as, message, code) end
  return nil, message, code
end

-- One primitive, start to end. Level 1 of the errors is the caller of the method: methods must
-- call this as a tail call.
local function call(self, primitive, first, second, third)
  check_open(self, 2)
  local complaint = arguments.check(self.vendor, primitive, first, second, third)
  if complaint then error(("%s: %s"):format(primitive, complaint), 2) end
  if not has(self, primitive) then return unsupported(self, primitive) end
  revive(self)
  if self.vendor.composed and self.vendor.composed[primitive] then
    local probe = self.vendor.probe[primitive]
    complaint = probe and select(2, self.vendor[probe](self.settings.identity, first, second))
    if type(complaint) == "string" then error(("%s: %s"):format(primitive, complaint), 2) end
    return call_steps(self, primitive, first, second)
  end
  if primitive == "delete_tag" then self.memory = {} end
  local request
  request, complaint = self:submit(primitive, nil, first, second, third)
  if not request then error(("%s: %s"):format(primitive, complaint), 2) end
  return wait_for(self, request)
end

local function has_ledger(self)
  return getmetatable(self) == Connection and self.settings.ledger ~= nil
end

-- One operation through the ledger. As `call`, a tail call of methods.
local function journaled(self, word, user, tag)
  check_open(self, 2)
  local through = require("tagua.through")
  local operation = { word, user = user, tag = tag }
  local complaint = through.complain(self, operation)
  if complaint then error(("%s_user: %s"):format(word, complaint), 2) end
  revive(self)
  return through.one(self, operation)
end

--- Makes a tag.
-- @tparam string name
-- @tparam[opt] table given `folder`: the id that `create_folder` gave
-- @treturn table|nil `{ id =, name =, kind = "tag", folder = }`
-- @treturn string message
-- @treturn string code; EAMBIGUOUS when the tag may have been made all the same
function Connection:create_tag(name, given) return call(self, "create_tag", name, given) end

--- Makes a folder, which holds tags and folders.
-- @tparam string name
-- @tparam[opt] table given `folder`: the id of the folder that it goes into
-- @treturn table|nil `{ id =, name =, kind = "folder", folder = }`
-- @treturn string message
-- @treturn string code
function Connection:create_folder(name, given) return call(self, "create_folder", name, given) end

--- Reads one tag or folder.
-- @tparam string id
-- @treturn table|nil `{ id =, name =, kind =, created = milliseconds }`
-- @treturn string message
-- @treturn string code
function Connection:get_tag(id) return call(self, "get_tag", id) end

--- Lists the tags, where the platform can.
-- @tparam[opt] table given `family`: on MantaGo, of those tags alone
-- @treturn {table,...}|nil
-- @treturn string message
-- @treturn string code; EUNSUPPORTED where it cannot
function Connection:list_tags(given) return call(self, "list_tags", given) end

--- Deletes a tag or a folder, takes it off all users, and a folder's children with it.
-- @tparam string id
-- @treturn {string,...}|nil every id that went
-- @treturn string message
-- @treturn string code
function Connection:delete_tag(id) return call(self, "delete_tag", id) end

--- Puts a tag on a user.
-- @tparam string|table user the raw id, or a table where the platform knows more than one
-- @tparam string tag id
-- @treturn true|nil
-- @treturn string message
-- @treturn string code; EAMBIGUOUS when the answer was lost: the tag may be on the user
function Connection:tag_user(user, tag)
  if has_ledger(self) then return journaled(self, "tag", user, tag) end
  return call(self, "tag_user", user, tag)
end

--- Takes a tag off a user.
-- @tparam string|table user
-- @tparam string tag id
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function Connection:untag_user(user, tag)
  if has_ledger(self) then return journaled(self, "untag", user, tag) end
  return call(self, "untag_user", user, tag)
end

--- Reads a user's tags.
-- @tparam string|table user
-- @treturn {table,...}|nil `{ { id =, name =, timestamp = milliseconds }, ... }`
-- @treturn string message
-- @treturn string code
function Connection:user_tags(user) return call(self, "user_tags", user) end

--- Sets parameters of a user.
-- @tparam string user
-- @tparam {[string]=string|number|boolean} params
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function Connection:set_params(user, params) return call(self, "set_params", user, params) end

--- Deletes parameters of a user.
-- @tparam string user
-- @tparam {string,...} names
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function Connection:delete_params(user, names) return call(self, "delete_params", user, names) end

--- Reads one page of the list of users.
-- @tparam[opt] string cursor `next` of the page before; without it, the first page
-- @tparam[opt] table given `since`: milliseconds; users whose last interaction is after it
-- @treturn table|nil `{ users = { ... }, next = cursor | nil }`; without `next` it was the last.
--   A user is `{ id, name, platform_channel, page, blocked, created, last_active, email, gender,
--   birthday, phone, ext_id, tags = { { id, name, timestamp, count } }, params = { name = value } }`
-- @treturn string message
-- @treturn string code
function Connection:users_page(cursor, given) return call(self, "users_page", cursor, given) end

local Failure = {}
Failure.__index = Failure
function Failure:__tostring() return self.message end

--- All users, page after page: `for user in connection:users() do`.
--
-- A failure in the middle raises an error object (`message`, `code`; `tostring` gives the message),
-- as `io.lines` does: a loop has no place for `nil, message, code`, and one that merely ended would
-- be taken for the whole list by whoever compares it with something. Who wants to return the
-- failure instead of raising reads `users_page` in a loop of their own.
-- @tparam[opt] table given as `users_page`
-- @treturn function iterator: a user each time
function Connection:users(given)
  check_open(self, 2)
  local complaint = arguments.check(self.vendor, "users_page", nil, given)
  if complaint then error("users: " .. complaint, 2) end
  local page, at, ended = { users = {} }, 0, false
  return function()
    while true do
      at = at + 1
      local user = page.users[at]
      if user then return user end
      if ended then return nil end
      local message, code
      page, message, code = self:users_page(page.next, given)
      if not page then error(setmetatable({ message = message, code = code }, Failure), 0) end
      at, ended = 0, page.next == nil
    end
  end
end

--- Whether the platform has a primitive.
-- @tparam string primitive the name of a method: `untag_user`, `users`
-- @tparam[opt] string tag the id of a tag that it would be about: on MantaGo, `user_tags` shows auto
--   and client tags, not personal ones
-- @treturn boolean
function Connection:can(primitive, tag)
  check_open(self, 2)
  local name = primitive == "users" and "users_page" or primitive
  for _, known in ipairs(platforms.primitives) do
    if known == name then return has(self, name, tag) end
  end
  error(("can: unknown primitive %s%s"):format(options.quote(primitive),
    nearest.hint(tostring(primitive), platforms.primitives)), 2)
end

--- Carries out many operations at once, and gives their results as they come.
--
--    for result in shop:perform(operations, { in_flight = 16 }) do
--      if not result.ok then print(result.operation.user, result.message) end
--    end
--
-- An operation is `{ "tag" | "untag", user =, tag = }`; others are `{ "user_tags", user = }`,
-- `{ "set_params", user =, params = }`, `{ "delete_params", user =, names = }`. Each gives exactly
-- one result: `{ operation =, ok = true, value = }` or `{ operation =, ok = false, code =,
-- message =, sent = whether the platform may have seen it }`. Operations on one user go one at a
-- time, in order; results come in any order. No more than a bounded number is held at a time.
--
-- Leaving the loop early sends nothing more, and waits for what is already under way. Lua 5.3 does
-- not tell an iterator that its loop was left: there, call `drop_queued` before the `break`.
-- @tparam {operation,...}|function operations a list (checked before anything is sent), or an
--   iterator function that returns an operation, then nil; an operation from it that is wrong has
--   a result with code EUSAGE
-- @tparam[opt] table given `in_flight`: at most so many at a time, not more than the connection's
-- @treturn function iterator, for a generic `for`
function Connection:perform(operations, given)
  check_open(self, 2)
  revive(self)
  if self.settings.ledger then
    local kind = type(operations)
    if kind ~= "table" and kind ~= "function" then
      error(("perform: operations must be a list or an iterator function, got %s"):format(options.quote(operations)), 2)
    end
    return require("tagua.through").run(self, operations, given, 2)
  end
  return perform.run(self, operations, given, 2)
end

--- Begins one operation, for a program with a loop of its own; its result comes from `poll`.
-- Not a tagging on a connection with a ledger: that waits for its turn, whoever sends.
-- @tparam operation operation as in `perform`
function Connection:start(operation)
  check_open(self, 2)
  if self.settings.ledger and type(operation) == "table" and (operation[1] == "tag" or operation[1] == "untag") then
    error("start: the connection has a ledger, and what goes through it waits for its turn: use perform, tag_user or"
      .. " untag_user, or a connection without the option 'ledger'", 2)
  end
  self:begin(operation)
end

--- Likewise, for the one sender, which has the ledger behind it.
-- @local
function Connection:begin(operation)
  local complaint = perform.begin(self, operation, self.take_started)
  if complaint then error("start: " .. complaint, 3) end
  self.started = self.started + 1
end

--- Whether one request does a primitive, so that `start` and `perform` can begin it.
-- @local
function Connection:can_start(primitive) return self.vendor[primitive] ~= nil end

--- Waits until something that was started is done.
-- @tparam[opt=0] number seconds at most
-- @tparam[opt] {integer,...} fds descriptors that end the wait when they can be read
-- @treturn {result,...} results as in `perform`, and `stop = true` on the one that stopped the run;
--   empty when the time is over, a signal came or a descriptor can be read
function Connection:poll(seconds, fds)
  check_open(self, 2)
  local deadline = core.system.monotonic_ns() + math.floor((seconds or 0) * 1e9)
  local signals = core.system.interrupted()
  repeat
    local left = (deadline - core.system.monotonic_ns()) / 1e9
    self:pump(left > 0 and left or 0, fds)
  until #self.finished > 0
    or not self.twin -- whose requests end a wait as well
    or fds
    or core.system.interrupted() > signals
    or core.system.monotonic_ns() >= deadline
  local results = self.finished
  self.finished = {}
  return results
end

--- What a loop of one's own waits for between two calls of `poll(0)`.
--
--    local fds, seconds = shop:pollfds()
--    -- wait until one of fds can be read, or for that many seconds
--    for _, result in ipairs(shop:poll(0)) do ... end
--
-- The descriptors stay the same for the connection's life and are its own: do not read or close
-- them. The time changes with every `start` and `poll`.
-- @treturn {integer,...} descriptors, all to be waited for until they can be read
-- @treturn number|nil seconds to wait at most; nil when nothing but a descriptor can end the wait
function Connection:pollfds()
  check_open(self, 2)
  local fd, seconds, code = self.engine:descriptor()
  if not fd then error(("connection '%s': %s (%s)"):format(self.name, seconds, code), 0) end
  local fds = { fd }
  if self.twin then fds[2] = self.twin:fd() end
  return fds, #self.finished > 0 and 0 or seconds
end

--- How many operations were started whose results have not come.
-- @treturn integer
function Connection:pending()
  check_open(self, 2)
  return self.started
end

--- Sends nothing more of what was started: what is still queued comes back with code ECANCELLED.
function Connection:drop_queued()
  check_open(self, 2)
  self.engine:drop_queued()
end

--- Why nothing more is sent, after credentials were refused or the platform could not be reached.
-- @treturn string|nil message, nil while all is well
-- @treturn string code
function Connection:stopped()
  check_open(self, 2)
  local message, code = self.engine:stopped()
  if not message then return nil end
  return message, code
end

--- After a stop: makes the connection ready to try again. A blocking call and `perform` do it by
-- themselves; a program that uses `start` decides when.
function Connection:resume()
  check_open(self, 2)
  revive(self)
end

--- Counters since the connection was opened.
-- @treturn table sent, answered, retries, throttled, waited_seconds, rate
function Connection:stats()
  check_open(self, 2)
  return self.engine:stats()
end

--- When the credentials end, where they say so.
-- @treturn integer|nil seconds since the epoch, boolean whether this connection replaces them by itself
function Connection:expires()
  check_open(self, 2)
  return pair.expires(self.secrets[self.vendor.bearer]), self.pair ~= nil and self.settings.rotate
end

--- Ends the connection: drops what is queued, cuts off what is under way, wipes its secrets.
-- Doing it again does nothing.
function Connection:close()
  if self.closed then return end
  self.closed = true
  if self.ledger then self.ledger:close() end
  if self.engine then self.engine:close() end
  if self.twin then self.twin:close() end
  if self.pair then self.pair:close() end
  for _, secret in ipairs(self.opened) do
    secret:close()
  end
end

Connection.__close = Connection.close

return M
