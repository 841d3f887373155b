--- The progress line of a command: on standard error, so that standard output stays clean.
local core = require("tagua.core")
local progress = require("tagua.progress")

local M = {}

--- A new progress line.
-- @tparam context context
-- @return see tagua.progress
function M.line(context)
  return progress.new({
    write = function(text) context.err:write(text) end,
    terminal = context.error_terminal,
    clock = core.system.monotonic_ns,
    columns = function() return core.system.columns(2) end,
  })
end

return M
