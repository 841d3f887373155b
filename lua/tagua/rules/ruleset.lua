--- Rule files as files: reading one and what it includes, and what to call them in messages.
-- @module tagua.rules.ruleset
local core = require("tagua.core")

local M = {}

local LONGEST_NAME = 50 -- Lua cuts longer names in its messages
local LARGEST = 4 * 1024 * 1024
local INCLUDED_MOST = 1000

-- The name of a file as messages show it: short enough to stand whole in front of a line number.
local function short(path, instead)
  if #path <= LONGEST_NAME then return path end
  local base = path:match("[^/]+$") or path
  return #base <= LONGEST_NAME and base or instead
end

local function read_file(path)
  local file, message = io.open(path, "rb")
  if not file then return nil, message end
  local source, reason = file:read(LARGEST + 1)
  file:close()
  if not source and reason then return nil, ("'%s': %s"):format(path, reason) end
  source = (source or ""):gsub("^\xEF\xBB\xBF", "")
  if #source > LARGEST then return nil, ("'%s' is larger than 4 MiB"):format(path) end
  return source
end

-- The patterns that a file may include: what stands in quotes behind the word, wherever that is. One in
-- a comment does no harm: what was found for it is not asked for.
local function patterns_of(source)
  local patterns, seen = {}, {}
  for _, quoted in ipairs({ "%f[%w_]include%s*%(?%s*\"([^\"\n]*)\"", "%f[%w_]include%s*%(?%s*'([^'\n]*)'" }) do
    for pattern in source:gmatch(quoted) do
      if not seen[pattern] then
        seen[pattern] = true
        patterns[#patterns + 1] = pattern
      end
    end
  end
  table.sort(patterns)
  return patterns
end

-- Whether a name fits a pattern in which * is any number of characters and ? is one; a name that begins
-- with a dot fits only a pattern that does.
local function fits(name, pattern)
  if name:sub(1, 1) == "." and pattern:sub(1, 1) ~= "." then return false end
  local magic = pattern:gsub("[^%w*?\x80-\xff]", "%%%0"):gsub("%*", ".*"):gsub("%?", utf8.charpattern)
  return name:find("^" .. magic .. "$") ~= nil
end

-- The paths below `folder` that a pattern names, in the order of their names; or nil and why there are none.
local function find(folder, pattern)
  if pattern == "" then return nil, "the name is empty" end
  if pattern:find("^/") or pattern:find("\\", 1, true) or ("/" .. pattern .. "/"):find("/../", 1, true) then
    return nil, "only files below the rule file's own folder can be included"
  end
  local inner, last = pattern:match("^(.-)([^/]*)$")
  if inner:find("[*?]") then return nil, "* and ? belong into the file's name, not into a folder's" end
  if not last:find("[*?]") then
    if core.system.file_kind(folder .. pattern) ~= "file" then
      return nil, ("there is no file '%s%s'"):format(folder, pattern)
    end
    return { pattern }
  end
  local names, message = core.system.list(inner == "" and folder == "" and "." or folder .. inner)
  if not names then return nil, message end
  local found = {}
  for _, name in ipairs(names) do
    if fits(name, last) and core.system.file_kind(folder .. inner .. name) == "file" then
      found[#found + 1] = inner .. name
    end
  end
  if #found == 0 then return nil, ("no file in '%s%s' fits"):format(folder, inner) end
  if #found > INCLUDED_MOST then return nil, ("%d files are more than %d"):format(#found, INCLUDED_MOST) end
  table.sort(found)
  return found
end

-- Reads what one pattern names: a list of { name, source }, or { problem }.
local function read_pattern(file, folder, pattern)
  local found, problem = find(folder, pattern)
  if not found then return { problem = problem } end
  local root = core.system.real_path(folder == "" and "." or folder)
  local own = core.system.real_path(file.path)
  local parts = {}
  for i, relative in ipairs(found) do
    local real, message = core.system.real_path(folder .. relative)
    if not real then return { problem = message } end
    if real == own then return { problem = "that is the rule file itself" } end
    if root ~= "/" and real:sub(1, #root + 1) ~= root .. "/" then
      return { problem = ("'%s' is a link out of the rule file's own folder"):format(relative) }
    end
    local source
    source, message = read_file(folder .. relative)
    if not source then return { problem = message } end
    parts[i] = { name = short(folder .. relative, short(relative, ("included-%d.lua"):format(i))), source = source }
  end
  return parts
end

-- Reads all that the file may include, or takes what is given; the hash covers it.
local function include(file, given)
  local folder = file.path and (file.path:match("^(.*/)[^/]*$") or "")
  local parts, size = { file.source }, #file.source
  for _, pattern in ipairs(patterns_of(file.source)) do
    local found = given and (given[pattern] or { problem = "it is not kept" })
      or folder and read_pattern(file, folder, pattern)
      or { problem = "these rules are not in a file, so there is no folder to look in" }
    for _, part in ipairs(found) do
      size = size + #part.source
      parts[#parts + 1] = ("%s\0%d\0%s"):format(part.name, #part.source, part.source)
    end
    file.includes = file.includes or {}
    file.includes[pattern] = found
  end
  if size > LARGEST then
    return nil, ("reading the rules: '%s' and what it includes are larger than 4 MiB"):format(file.path), "EIO"
  end
  file.hash = core.secret.sha256(table.concat(parts, "\0"))
  return file
end

--- Reads a rule file and what it includes.
-- @tparam table given `path`, or `source` and `name`
-- @treturn table|nil { name, source, path, includes = { [pattern] = { {name, source} } | {problem} },
--   hash }
-- @treturn string message
-- @treturn string "EIO"
function M.read(given)
  if given.source then
    local name = short(given.name or given.path or "rules.lua", "rules.lua")
    return include({ name = name, source = given.source, path = given.path }, given.includes)
  end
  if not given.path then error("rules want a path, or a source and a name", 3) end
  local source, message = read_file(given.path)
  if not source then return nil, "reading the rules: " .. message, "EIO" end
  return include({ name = short(given.path, "rules.lua"), source = source, path = given.path })
end

return M
