--- Takes off the tags that are past their time, as a command: what expire and every apply have in common.
local M = {}

--- Takes off what is due. The command is the connection's sender, and earlier runs are settled.
-- @tparam context context
-- @tparam string name the connection
-- @treturn table|nil the outcome, as tagua.report takes it; nil when nothing was due
function M.run(context, name)
  local sending = require("tagua.command.sending")
  local book = context:book(name)
  context:check(book:fold())
  local run, message, code = require("tagua.expiring").plan(book, context:now())
  if message then
    context:fail(message, code)
  elseif not run then
    return nil
  end
  sending.discard_unsent(context, run)
  return sending.send(context, name, run, { creations = {} })
end

return M
