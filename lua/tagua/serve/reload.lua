--- The rules that `tagua serve` goes by: looks whether the file has changed, and accepts what it says only when it
-- loads and passes its own tests. What is accepted is kept in the ledger, where the keepers find it by its hash.
-- @module tagua.serve.reload
local core = require("tagua.core")
local fitting = require("tagua.fitting")
local ruleset = require("tagua.rules.ruleset")
local terminal = require("tagua.terminal")

local M = {}

local Reload = {}
Reload.__index = Reload

--- Takes over the rule file.
-- @tparam table given `path`; `settings`, those of the connections that are served; `book`, one's side of the
--   ledger; `config`: the path of connections.lua, where there is one; `now`: seconds since the epoch;
--   `check`: asked about a description before it is accepted -> true, or nil, message, code;
--   `executable`: whose workers run the tests, this one unless told; `log`
-- @treturn table
function M.open(given)
  local self = setmetatable({
    path = given.path, settings = given.settings, book = given.book, now = given.now, log = given.log,
    config = given.config, check = given.check, executable = given.executable, refusals = 0, reloads = 0,
  }, Reload)
  self.config_hash = self:hash_config()
  return self
end

-- The hash of connections.lua, as it is now.
function Reload:hash_config()
  local file = self.config and io.open(self.config, "rb")
  if not file then return nil end
  local text = file:read("a")
  file:close()
  return text and core.secret.sha256(text)
end

-- The first test that failed, in a sentence.
local function complaint_of(tests)
  local failed, first = 0, nil
  for _, test in ipairs(tests) do
    if not test.ok then
      failed, first = failed + 1, first or test
    end
  end
  if not first then return nil end
  local why = (first.message or ""):gsub("%s*\n%s*", "; ")
  return ("%s of %s failed; the first: '%s' (line %d)%s"):format(terminal.number(failed),
    terminal.count(#tests, "test"), first.name, first.line or 0, why ~= "" and ": " .. why or "")
end

-- Loads a file that was read, and runs its tests -> the description and its tests, or nil, message, code.
local function try(self, file)
  local pool = require("tagua.rules.pool").start({ jobs = 1, executable = self.executable })
  local function work()
    local description, message, code = pool:load({ path = self.path, source = file.source, name = file.name,
      includes = file.includes })
    if not description then return nil, message, code end
    for _, settings in ipairs(self.settings) do
      local fits
      fits, message, code = fitting.check(description, settings)
      if not fits then return nil, message, code end
    end
    if self.check then
      local fine
      fine, message, code = self.check(description)
      if not fine then return nil, message, code end
    end
    local tests
    tests, message, code = pool:test({ at = self.now() })
    if not tests then return nil, message, code end
    message = complaint_of(tests)
    if message then return nil, ("%s: %s"):format(file.name, message), "ERULES" end
    return description, #tests
  end
  local result = table.pack(pcall(work))
  pool:close()
  if not result[1] then error(result[2], 0) end
  return table.unpack(result, 2, result.n)
end

-- Keeps the file and makes it the accepted one.
local function accept(self, file)
  local description, message, code = try(self, file)
  if not description then return nil, message, code end
  local tests = message
  local kept
  kept, message, code = self.book:keep_rules(file)
  if not kept then return nil, message, code end
  self.accepted = { hash = file.hash, file = file, description = description, tests = tests, at = self.now() }
  self.refused, self.pending = nil, nil
  return self.accepted
end

--- Loads the rules for the first time.
-- @treturn table|nil accepted: `hash`, `file` (see tagua.rules.ruleset), `description` (see tagua.rules.pool),
--   `tests` (how many), `at`
-- @treturn string message
-- @treturn string code
function Reload:load()
  local file, message, code = ruleset.read({ path = self.path })
  if not file then return nil, message, code end
  return accept(self, file)
end

local function refuse(self, hash, message)
  self.refused = { hash = hash, message = message, at = self.now() }
  self.refusals = self.refusals + 1
  self.log:error("rules", ("the rules were refused, and those of before go on: %s"):format(message),
    { rules = self.path, hash = self.accepted.hash })
end

--- Looks whether the file, or one that it includes, has changed. A change counts when two looks agree on it, so that
-- a file that is being written is not taken for what it will be.
-- @tparam[opt] boolean at_once takes what is there now, and says so even where nothing has changed
-- @treturn table|nil accepted, where other rules were
function Reload:look(at_once)
  local file, message = ruleset.read({ path = self.path })
  local hash = file and file.hash or message
  if not at_once and hash ~= self.pending then
    self.pending = hash
    return nil
  end
  if hash == self.accepted.hash then
    if self.refused then
      self.log:info("rules", "the rule file is again what is used", { rules = self.path, hash = hash })
    elseif at_once then
      self.log:info("rules", "the rules have not changed", { rules = self.path, hash = hash })
    end
    self.refused = nil
    return nil
  end
  if self.refused and self.refused.hash == hash and not at_once then return nil end
  if not file then
    refuse(self, hash, message)
    return nil
  end
  local accepted
  accepted, message = accept(self, file)
  if not accepted then
    refuse(self, hash, message)
    return nil
  end
  self.reloads = self.reloads + 1
  self.log:info("rules", ("the rules were loaded, %s passed"):format(terminal.count(accepted.tests, "test")),
    { rules = self.path, hash = accepted.hash })
  return accepted
end

--- Looks whether connections.lua has changed since the start, and says once that it takes a restart.
-- @treturn boolean whether it has
function Reload:look_config()
  local hash = self:hash_config()
  local changed = hash ~= self.config_hash
  if changed and hash ~= self.config_told then
    self.log:warning("configuration", "connections.lua has changed: what it says counts after a restart",
      { file = self.config })
  end
  self.config_told = changed and hash or nil
  self.config_changed = changed
  return changed
end

return M
