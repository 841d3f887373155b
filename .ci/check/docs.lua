--- Keeps the source documented: lua5.4 .ci/check/docs.lua [ROOT] names each Lua module and public
-- function without an LDoc comment, each C header's prototype without a comment, each file without its
-- owner-sentence, and each file that has outgrown one sentence. Reads files; changes nothing.
local source = dofile((arg and arg[0] or ""):match("docs%.lua$") and arg[0]:gsub("docs%.lua$", "source.lua")
  or ".ci/check/source.lua")

local M = {}

--- A file longer than this asks to be two.
M.max_lines = 600

-- Files that may be longer, and why.
local long = {}

local function split(text)
  local lines = {}
  for _, line in source.lines(text) do lines[#lines + 1] = line end
  return lines
end

-- What stands above line `number`: "ldoc" (a comment that begins with three dashes), "comment" or nil.
local function comment_above(lines, number)
  local at, kind = number - 1, nil
  while at >= 1 and lines[at]:find("^%s*%-%-") do
    kind = lines[at]:find("^%s*%-%-%-") and "ldoc" or "comment"
    at = at - 1
  end
  return kind
end

local function check_lua(path, text, found)
  local lines = split(text)
  local code = split(source.code("lua", text, true))
  local function missing(line, message)
    found[#found + 1] = { path = path, line = line, message = message }
  end
  if not (lines[1] or ""):find("^%-%-%-? %S") then
    missing(1, "the file does not begin with the sentence that says what it owns (--- ...)")
  end
  for number, line in ipairs(code) do
    local name = line:match("^function ([%w_]+[%.:][%w_%.:]+)")
      or line:match("^([%w_]+%.[%w_%.]+)%s*=%s*function%f[%W]")
    if name and not name:find("[%.:]_[%w_]*$") then
      local above = comment_above(lines, number)
      -- M.f is the module's; methods are of objects that it hands out or keeps to itself
      if name:find("^M%.") and above ~= "ldoc" then
        missing(number, ("public function %s has no LDoc comment (--- ...)"):format(name))
      elseif not above then
        missing(number, ("method %s has no comment"):format(name))
      end
    end
  end
end

-- A prototype is commented when a comment ends on the line above it, on its own line, or above the
-- block of lines without a gap that it stands in.
local function check_header(path, text, found)
  local lines = split(text)
  local code = split(source.code("c", text, true))
  local number = 1
  while number <= #code do
    local line, start = code[number], number
    if line:find("^[%a_][%w_%s%*]*[%s%*][%a_][%w_]*%s*%(") and not line:find("^%s*#") and not line:find("^typedef")
      and not line:find("^static") then
      local statement = line
      while not statement:find("[;{]") and number < #code do
        number = number + 1
        statement = statement .. " " .. code[number]
      end
      local commented = lines[number]:find("/[%*/]")
      local at = start - 1
      while not commented and at >= 1 and lines[at]:find("%S") do
        commented = lines[at]:find("%*/%s*$") or lines[at]:find("^%s*//")
        at = at - 1
      end
      if not commented then
        found[#found + 1] = { path = path, line = start, message = ("%s has no comment (units, ownership, errors)")
          :format(statement:match("([%a_][%w_]*)%s*%(")) }
      end
    end
    number = number + 1
  end
end

local function check_size(path, text, found)
  local count = #split(text)
  if count > M.max_lines and not long[path] then
    found[#found + 1] = { path = path, line = count,
      message = ("%d lines: more than %d, so it owns more than one thing"):format(count, M.max_lines) }
  end
end

--- Everything that is not documented or too long.
-- @tparam string root the tree
-- @treturn table array of { path=, line=, message= }
function M.check(root)
  local found = {}
  local function each(folder, endings, check)
    for _, path in ipairs(source.files(root, folder, table.unpack(endings))) do
      check(path, source.read(root .. "/" .. path), found)
    end
  end
  each("lua/tagua", { ".lua" }, check_lua)
  each("host", { ".h" }, check_header)
  each("host", { ".c", ".h" }, function(path, text)
    if not text:find("^/%*%s*%S") then
      found[#found + 1] = { path = path, line = 1,
        message = "the file does not begin with the sentence that says what it owns (/* ... */)" }
    end
  end)
  each("host lua/tagua spec bench examples", { ".c", ".h", ".lua" }, check_size)
  return found
end

if arg and arg[0] and arg[0]:find("docs%.lua$") then source.finish("docs", M.check(arg[1] or ".")) end

return M
