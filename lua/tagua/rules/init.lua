--- Rules in the caller's own Lua state: load a rule file, decide records given as Lua tables.
--
--    local rules = assert(require("tagua").rules.load("rules.lua"))
--    local tags, info = rules:decide({ orders = 12, spend = 900 }, os.time())
--    if tags.VIP then ... end
--
-- The rule file sees the same language as in the command, but runs without workers: nothing limits
-- the time and the memory that a rule takes. For files that are not one's own there is `tagua.rules.sandbox`.
-- @module tagua.rules
local core = require("tagua.core")
local deciding = require("tagua.rules.deciding")
local language = require("tagua.rules.language")
local options = require("tagua.options")
local ruleset = require("tagua.rules.ruleset")
local sources = require("tagua.rules.sources")

local M = {}

local Ruleset = {}
Ruleset.__index = Ruleset

local LOAD = { path = { type = "string", min = 1 }, source = { type = "string" }, name = { type = "string", min = 1 } }

--- Loads a rule file.
-- @tparam string|table given the file's path, or { source = text, name = what to call it }
-- @treturn table|nil a ruleset: `zone`, `fields`, `tags`, `rules`, `groups`, `folders`, `hash`,
--   `reads_tags`, `tests`, and the methods `decide` and `test`
-- @treturn string message, with the file's line
-- @treturn string "ERULES", or "EIO" when the file can't be read
function M.load(given)
  if type(given) == "string" then given = { path = given } end
  local file, message, code = ruleset.read(options.check("rules.load", given, LOAD, 2))
  if not file then return nil, message, code end
  local words = language.new(file.name)
  local ok, reason = pcall(words.run, words, file.source, file.includes)
  local description
  if ok then
    ok, description = pcall(words.finish, words)
    reason = description
  end
  if not ok then
    if type(reason) ~= "string" then
      reason = ("%s: the file raised a %s instead of a message"):format(file.name, type(reason))
    end
    return nil, reason, "ERULES"
  end
  sources.write(description)
  description.hash = file.hash
  description.path, description.name, description.words = file.path, file.name, words
  return setmetatable(description, Ruleset)
end

--- Loads a rule file into a sandbox. Needs Lua 5.4, of which an interpreter is started for the worker.
-- @tparam string|table given the file's path, or a table: `path`, or `source` and `name`; `memory` (bytes that the
--   rules may hold: 64 MiB unless told), `seconds` (processor time that one rule may take for one record: 1), `lua`
--   (the interpreter: `lua5.4` on PATH)
-- @treturn table|nil a ruleset as `load` gives it, with the methods `decide`, `test` and `close`
-- @treturn string message, with the file's line
-- @treturn string "ERULES"; "EIO" where the file can't be read or no worker starts; "EUNSUPPORTED" under another Lua
function M.sandbox(given) return require("tagua.rules.sandbox").load(given) end

--- Decides one record.
-- @tparam table record its values by the fields' names or their columns'. A key that is not there
--   is a field that the record does not have, and whoever reads it can't decide; "" and a JSON null
--   are fields without a value.
-- @tparam[opt] number now seconds since the epoch; the time of day unless given
-- @treturn table { [tag] = true | false }: what the rules want; a tag that is not in it is left alone
-- @treturn table `unknown` { [tag] = the field without a value }, `failed` { [tag] = message }
function Ruleset:decide(record, now)
  options.argument("decide: record", record, { type = "table", required = true }, 2)
  local at = math.tointeger((now or core.system.wall_ns() // 1000000000) // 1)
  return deciding.decide(self.words, deciding.values(self.fields, record), at)
end

--- Runs the test blocks of the file.
-- @tparam[opt] number at the moment (seconds) that a test without `at` takes for now
-- @treturn {table,...} { name, ok, message, line, tags = { {name, expected, actual, ok} } }
function Ruleset:test(at)
  return self.words:test(at or core.system.wall_ns() // 1000000000)
end

--- Runs one test that the file does not hold.
-- @tparam table given `user`, `at` and `expect`, as in a test block
-- @treturn table|nil as `test` gives them
-- @treturn string what is wrong with the test itself
function Ruleset:try(given)
  return self.words:try(given, core.system.wall_ns() // 1000000000)
end

return M
