--- Rule files as files: reading one, and what to call it in messages.
-- @module tagua.rules.ruleset
local M = {}

local LONGEST_NAME = 50 -- Lua cuts longer names in its messages
local LARGEST = 4 * 1024 * 1024

-- The name of a file as messages show it: short enough to stand whole in front of a line number.
local function short(path)
  if #path <= LONGEST_NAME then return path end
  local base = path:match("[^/]+$") or path
  return #base <= LONGEST_NAME and base or "rules.lua"
end

--- Reads a rule file.
-- @tparam table given `path`, or `source` and `name`
-- @treturn table|nil { name, source, path }
-- @treturn string message
-- @treturn string "EIO"
function M.read(given)
  if given.source then
    return { name = short(given.name or given.path or "rules.lua"), source = given.source, path = given.path }
  end
  if not given.path then error("rules want a path, or a source and a name", 3) end
  local file, message = io.open(given.path, "rb")
  if not file then return nil, ("reading the rules: %s"):format(message), "EIO" end
  local source, reason = file:read(LARGEST + 1)
  file:close()
  if not source and reason then return nil, ("reading the rules: '%s': %s"):format(given.path, reason), "EIO" end
  source = (source or ""):gsub("^\xEF\xBB\xBF", "")
  if #source > LARGEST then
    return nil, ("reading the rules: '%s' is larger than 4 MiB"):format(given.path), "EIO"
  end
  return { name = short(given.path), source = source, path = given.path }
end

return M
