--- Carries out many operations on one connection, holding a bounded number of them at a time.
-- @module tagua.perform
local arguments = require("tagua.arguments")
local nearest = require("tagua.nearest")
local options = require("tagua.options")

local M = {}

-- Operations on one user go one after the other: more are handed to the engine than may be in
-- flight, so that one user's queue leaves no room idle.
local WINDOW = 8
local TICK = 0.5 -- seconds

-- The words of an operation: the primitive that each means, and where its arguments are.
local WORDS = {
  tag = { primitive = "tag_user", second = "tag" },
  untag = { primitive = "untag_user", second = "tag" },
  user_tags = { primitive = "user_tags" },
  set_params = { primitive = "set_params", second = "params" },
  delete_params = { primitive = "delete_params", second = "names" },
}

-- What is wrong with an operation, or nil and its word.
local function check(self, operation)
  if type(operation) ~= "table" then
    return ('an operation must be a table { "tag", user = ..., tag = ... }, got %s'):format(options.quote(operation))
  end
  local word = WORDS[operation[1]]
  if not word then
    local given = operation[1]
    return ("an operation must begin with %s, got %s%s"):format(
      '"tag" or "untag"', options.quote(given), type(given) == "string" and nearest.hint(given, WORDS) or "")
  end
  if not self.vendor[word.primitive] then
    local composed = self.vendor.composed and self.vendor.composed[word.primitive]
    return composed and ("on %s %s takes several requests: call it by itself"):format(self.vendor.title, word.primitive)
      or ("%s has no %s"):format(self.vendor.title, word.primitive)
  end
  local second = operation[word.second]
  if word.second == "tag" and type(second) == "string" and second ~= "" then return nil, word end
  return arguments.check(self.vendor, word.primitive, operation.user, second), word
end

--- The result of an operation, out of its request.
-- @tparam table request as the sink of `begin` is given it
-- @treturn table as `connection:perform` describes it
function M.result_of(request)
  local operation = request.operation
  if request.value ~= nil then return { operation = operation, ok = true, value = request.value } end
  local result = request.result
  return {
    operation = operation,
    ok = false,
    code = request.code,
    message = request.message,
    sent = result.sent,
    attempts = result.attempts,
    status = result.status,
    platform_code = result.platform_code,
    stop = result.verdict == "stop" or nil,
  }
end

--- Begins one operation.
-- @tparam connection self
-- @tparam operation operation
-- @tparam function sink is given its request when it is done
-- @param[opt] owner whose it is, for `drop`
-- @treturn string|nil what is wrong with the operation; then nothing was begun
function M.begin(self, operation, sink, owner)
  local complaint, word = check(self, operation)
  if complaint then return complaint end
  local request
  request, complaint = self:submit(word.primitive, sink, operation.user, word.second and operation[word.second])
  if not request then return complaint end
  request.operation, request.owner = operation, owner
  return nil
end

-- A list as an iterator; every operation is looked at before the first is sent.
local function from_list(self, list, level)
  for i = 1, #list do
    local complaint, word = check(self, list[i])
    if not complaint then
      local _, wrong = self.vendor[word.primitive](
        self.settings.identity, list[i].user, word.second and list[i][word.second])
      complaint = wrong
    end
    if complaint then error(("perform: operation %d: %s"):format(i, complaint), level + 1) end
  end
  local at = 0
  return function()
    at = at + 1
    return list[at]
  end
end

local function check_options(self, given, level)
  local most = self.settings.in_flight
  local rule = { in_flight = { type = "integer", min = 1, max = most, default = most } }
  local checked, complaint = options.verify("perform", given, rule)
  if checked then return checked.in_flight end
  if type(given) == "table" and math.tointeger(given.in_flight) and given.in_flight > most then
    complaint = ("%s; the connection has in_flight = %d"):format(complaint, most)
  end
  error(complaint, level + 1)
end

--- Runs operations; see `connection:perform`.
-- @local
-- @tparam connection self
-- @tparam {operation,...}|function operations
-- @tparam table|nil given the options
-- @tparam integer level whose line a mistake is reported at, as in `error`
function M.run(self, operations, given, level)
  local in_flight = check_options(self, given, level)
  local source
  if type(operations) == "table" then
    source = from_list(self, operations, level)
  elseif type(operations) == "function" then
    source = operations
  else
    error(("perform: operations must be a list or an iterator function, got %s"):format(options.quote(operations)),
      level)
  end
  -- A bound below the connection's can only be kept by not handing more to the engine.
  local window = in_flight < self.settings.in_flight and in_flight or in_flight * WINDOW
  local ready, first, last = {}, 1, 0 -- results that nobody took yet
  local outstanding, exhausted, trouble = 0, false, nil

  local function keep(result)
    last = last + 1
    ready[last] = result
  end

  local function sink(request)
    outstanding = outstanding - 1
    keep(M.result_of(request))
  end

  local function take_one()
    local ok, operation = pcall(source)
    if not ok then
      trouble, exhausted = { operation }, true -- raised once what is under way has its results
    elseif operation == nil then
      exhausted = true
    else
      local complaint = M.begin(self, operation, sink, keep)
      if complaint then
        keep({ operation = operation, ok = false, code = "EUSAGE", message = "perform: " .. complaint, sent = false })
      else
        outstanding = outstanding + 1
      end
    end
  end

  local function step()
    while true do
      if first <= last then
        local result = ready[first]
        ready[first] = nil
        first = first + 1
        return result
      end
      first, last = 1, 0
      if self.closed then error(("connection '%s' is closed"):format(self.name), 2) end
      while not exhausted and outstanding < window and last < window do
        take_one()
      end
      if outstanding > 0 then
        self:pump(last == 0 and TICK or 0)
      elseif last == 0 and exhausted then
        if trouble then error(trouble[1], 0) end
        return nil
      end
    end
  end

  local leave = setmetatable({}, {
    __close = function()
      exhausted = true
      if self.closed or outstanding == 0 then return end
      self:drop(keep, function() return outstanding == 0 end)
    end,
  })
  return step, nil, nil, leave
end

return M
