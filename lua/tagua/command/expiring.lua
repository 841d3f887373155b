--- Takes off the tags that are past their time: what expire and every apply have in common. Needs no
-- rule file and no input, and no guard looks at it: the end of each tag was said when it was put on.
local M = {}

--- Takes off what is due. The command is the connection's sender, and earlier runs are settled.
-- @tparam context context
-- @tparam string name the connection
-- @treturn table|nil the outcome, as tagua.report takes it; nil when nothing was due
function M.run(context, name)
  local sending = require("tagua.command.sending")
  local book = context:book(name)
  context:check(book:fold())
  local _, due = context:check(book:due(context:now(), 0))
  if due == 0 then
    return nil
  end
  local run = context:check(book:plan({ kind = "expire", at = context:now() }))
  sending.discard_unsent(context, run)
  context:check(run:add_due(context:now()))
  context:check(run:ready())
  return sending.send(context, name, run, { creations = {} })
end

return M
