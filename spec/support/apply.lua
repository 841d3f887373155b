--- Runs whole commands in a folder of their own, for specs that look at what became of the users.
local json = require("cjson")
local support = require("spec.support")

local M = {}

--- A folder to run tagua in: a fresh ledger and a fresh twin.
-- @treturn table with run(arguments), counts(), remove(), path
function M.folder()
  local path, remove = support.folder()
  local root = select(2, support.shell("pwd")):gsub("\n", "")
  local self = { path = path, remove = remove, root = root }
  -- As fast as it goes: what these specs look at is the outcome.
  support.write(path .. "/connections.lua",
    'connection "local" { platform = "local", rate = { per_second = 100000, burst = 1000 }, in_flight = 64 }\n')

  --- Runs tagua there; `before` is what stands in front of it, such as a pipe.
  function self.run(arguments, before)
    return support.shell(("cd '%s' && export XDG_STATE_HOME='%s/state' HOME='%s'\n%s'%s' %s"):format(
      path, path, path, before or "", support.tagua, arguments))
  end

  --- How many users have each tag, as the platform lists them: tag -> number, without tags of nobody.
  function self.counts()
    local code, out, err = self.run("tags --refresh --json")
    assert(code == 0, err)
    local counts = {}
    for _, tag in ipairs(json.decode(out).tags) do
      if tag.kind ~= "folder" and tag.users > 0 then counts[tag.name] = math.tointeger(tag.users) end
    end
    return counts
  end

  return self
end

return M
