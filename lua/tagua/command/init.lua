--- The command line: finds the command that was asked for and runs it.
local M = {}

--- Runs the command that the arguments name.
-- @tparam {string,...} arguments
-- @treturn integer the exit code
function M.main(arguments)
  if arguments[1] == "version" then
    print("tagua " .. require("tagua.version"))
    return 0
  end
  io.stderr:write("tagua: no such command\n")
  return 2
end

return M
