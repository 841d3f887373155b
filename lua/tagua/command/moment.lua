--- The clock of a command: the time of day, or the moment that --at gives in the ruleset's zone.
local core = require("tagua.core")

local M = {}

--- Defines the option.
-- @param parser
function M.define(parser)
  parser:option("--at", "The moment that the rules take for now, in their zone: \"2026-11-11 00:00\"."):argname("TIME")
end

--- A moment as people write it, in the zone of the rules.
-- @tparam context context
-- @tparam table ruleset or anything else that has a `zone`
-- @tparam string text
-- @tparam string option which option it came with, for the message
-- @treturn integer seconds since the epoch
function M.read(context, ruleset, text, option)
  local zone <close> = context:check(core.zone.open(ruleset.zone))
  local at, message = zone:parse(text)
  if not at then
    context:fail(("%s: %s"):format(option, message), "EUSAGE")
  end
  return at
end

--- What is now: the moment that --at gives, else the time of day.
-- @tparam context context
-- @tparam table ruleset
-- @tparam table options
-- @treturn integer seconds since the epoch
function M.now(context, ruleset, options)
  return options.at and M.read(context, ruleset, options.at, "--at") or os.time()
end

return M
