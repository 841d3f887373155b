-- Puts one tag on one user, and ends as the command does: 0 done, 4 credentials, 75 try again.
--
--    lua5.4 tag.lua USER TAG-ID [CONNECTION]
local errors = require("tagua.errors")
local tagua = require("tagua")

local user, tag = arg[1], arg[2]
if not tag then
  io.stderr:write("usage: lua5.4 tag.lua USER TAG-ID [CONNECTION]\n")
  os.exit(2)
end

local shop, message, code = tagua.connect(arg[3] or "local")
local done
if shop then
  done, message, code = shop:tag_user(user, tag)
  shop:close()
end
if not done then
  io.stderr:write(message, "\n")
  os.exit(errors.exit(code))
end
