--- Reads the tree's source files for the checks. Knows C's and Lua's comments and strings, no rules.
local M = {}

--- Reads a file whole.
-- @tparam string path
-- @treturn string
function M.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

--- The files below a folder whose names end in one of the endings, sorted.
-- @tparam string root the tree that is checked
-- @tparam string folder below it
-- @tparam string ... endings: ".c"
-- @treturn {string,...} paths relative to root
function M.files(root, folder, ...)
  local list = {}
  local found = assert(io.popen(("cd '%s' && find %s -type f 2>/dev/null | LC_ALL=C sort"):format(root, folder)))
  for path in found:lines() do
    for _, ending in ipairs({ ... }) do
      if path:sub(-#ending) == ending then list[#list + 1] = path end
    end
  end
  found:close()
  return list
end

-- Spaces for everything but line ends, so that positions and line numbers stay what they were.
local function blank(text)
  return (text:gsub("[^\n]", " "))
end

-- Where the quoted text that starts at `at` ends (its closing quote, or the line's end).
local function quoted_end(text, at)
  local quote, position = text:sub(at, at), at + 1
  while position <= #text do
    local character = text:sub(position, position)
    if character == "\\" then
      position = position + 1
    elseif character == quote or character == "\n" then
      return position
    end
    position = position + 1
  end
  return #text
end

local finders = {
  c = function(text, at)
    local start = text:find("[/\"']", at)
    if not start then return nil end
    local two = text:sub(start, start + 1)
    if two == "/*" then
      return "comment", start, select(2, text:find("*/", start + 2, true)) or #text
    elseif two == "//" then
      return "comment", start, (text:find("\n", start, true) or #text + 1) - 1
    elseif text:sub(start, start) == "/" then
      return "code", start, start
    end
    return "string", start, quoted_end(text, start)
  end,
  lua = function(text, at)
    local start = text:find("[%-\"'%[]", at)
    if not start then return nil end
    if text:sub(start, start + 1) == "--" then
      local level = text:match("^%-%-%[(=*)%[", start)
      if level then return "comment", start, select(2, text:find("]" .. level .. "]", start, true)) or #text end
      return "comment", start, (text:find("\n", start, true) or #text + 1) - 1
    end
    local level = text:match("^%[(=*)%[", start)
    if level then return "string", start, select(2, text:find("]" .. level .. "]", start, true)) or #text end
    if text:find("^[%-%[]", start) then return "code", start, start end
    return "string", start, quoted_end(text, start)
  end,
}

--- The text with its comments blanked; with its strings blanked too when asked.
-- @tparam string language "c" or "lua"
-- @tparam string text
-- @tparam ?boolean strings_too
-- @treturn string as long as text, with the same lines
function M.code(language, text, strings_too)
  local pieces, at = {}, 1
  while true do
    local kind, first, last = finders[language](text, at)
    if not kind then break end
    pieces[#pieces + 1] = text:sub(at, first - 1)
    local piece = text:sub(first, last)
    local drop = kind == "comment" or (kind == "string" and strings_too)
    pieces[#pieces + 1] = drop and blank(piece) or piece
    at = last + 1
  end
  pieces[#pieces + 1] = text:sub(at)
  return table.concat(pieces)
end

--- Goes through a text line by line.
-- @tparam string text
-- @treturn function yields line number and line
function M.lines(text)
  local number = 0
  local next_line = (text:sub(-1) == "\n" and text or text .. "\n"):gmatch("(.-)\r?\n")
  return function()
    local line = next_line()
    if not line then return nil end
    number = number + 1
    return number, line
  end
end

--- Prints what a check found and ends the process: 0 where there is nothing, else 1.
-- @tparam string name the check's
-- @tparam table found array of { path=, line=, message= }
function M.finish(name, found)
  for _, item in ipairs(found) do
    io.stderr:write(("%s:%d: %s\n"):format(item.path, item.line, item.message))
  end
  if #found > 0 then io.stderr:write(("%s: %d found\n"):format(name, #found)) end
  os.exit(#found == 0)
end

return M
