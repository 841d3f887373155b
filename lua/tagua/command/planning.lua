--- What plan and apply have in common: their options, and the way from a rule file and an input to
-- a plan. Owns the order in which things are checked: what costs nothing comes first, so that a
-- mistake in the rules or the input is told before the platform hears anything.
local core = require("tagua.core")
local values = require("tagua.command.values")

local M = {}

--- Defines the options.
-- @param parser
function M.define(parser)
  parser:argument("rules", "The rule file."):argname("RULES")
  parser:option("--users", "Who: a CSV or JSONL file, - for standard input, or @CONNECTION for the"
    .. " users that its mirror holds."):argname("FILE"):count(1)
  parser:option("--to", "The connection whose users are tagged (local)."):argname("CONNECTION")
    :convert(values.connection):default("local")
  parser:option("--id-column", "The column or key with the user's id (id)."):argname("NAME"):default("id")
  parser:option("--match", "What of a user the id column holds, where it is not the platform's own"
    .. " id: ext_id, phone, email or param:NAME."):argname("WHAT"):convert(values.match("--match"))
  parser:option("--format", "csv or jsonl; else the file's name tells."):argname("FORMAT")
    :convert(values.one_of("--format", { "csv", "jsonl" }))
  parser:option("--delimiter", "What separates columns (,); tab for a tab."):argname("CHARACTER")
    :convert(values.delimiter("--delimiter"))
  parser:option("--encoding", "Of the input, such as big5 (utf-8)."):argname("NAME")
  parser:option("--jobs", "Processes that run the rules (one for each core)."):argname("N")
    :convert(values.whole("--jobs", 1, 256))
  parser:flag("--refresh", "Pull the platform into the mirror first, even where that was done before.")
  parser:flag("--skip-tests", "Go on where tests of the rule file fail.")
end

return M
