--- How text looks on a terminal: widths, columns, colour, numbers, and nothing that drives it.
-- Pure: it makes strings and prints none. Text that came from outside (a user's name, a tag, an
-- answer of the platform) goes through `visible` before anybody sees it.
local M = {}

-- First and last code point of what takes two columns: Chinese, Japanese, Korean, full-width
-- forms and pictographs. Sorted, for the binary search.
local WIDE = {
  { 0x1100, 0x115F }, { 0x231A, 0x231B }, { 0x2E80, 0x303E }, { 0x3041, 0x33FF },
  { 0x3400, 0x4DBF }, { 0x4E00, 0x9FFF }, { 0xA000, 0xA4CF }, { 0xA960, 0xA97F },
  { 0xAC00, 0xD7A3 }, { 0xF900, 0xFAFF }, { 0xFE30, 0xFE6F }, { 0xFF01, 0xFF60 },
  { 0xFFE0, 0xFFE6 }, { 0x1F300, 0x1F64F }, { 0x1F680, 0x1F6FF }, { 0x1F900, 0x1F9FF },
  { 0x1FA70, 0x1FAFF }, { 0x20000, 0x3FFFD },
}

-- What takes no column: combining marks, joiners, variation selectors.
local ZERO = {
  { 0x0300, 0x036F }, { 0x0483, 0x0489 }, { 0x0591, 0x05BD }, { 0x064B, 0x065F },
  { 0x0E31, 0x0E31 }, { 0x0E34, 0x0E3A }, { 0x0E47, 0x0E4E }, { 0x200B, 0x200D },
  { 0x20D0, 0x20FF }, { 0x302A, 0x302D }, { 0xFE00, 0xFE0F }, { 0xFE20, 0xFE2F },
  { 0x1F3FB, 0x1F3FF }, { 0xE0100, 0xE01EF },
}

-- What a terminal or an editor obeys instead of showing it: C0, DEL, C1, line and paragraph
-- separators, and the marks that turn the direction of text ("Trojan source").
local ACTIVE = {
  { 0x00, 0x1F }, { 0x7F, 0x9F }, { 0x061C, 0x061C }, { 0x200E, 0x200F }, { 0x2028, 0x202E },
  { 0x2066, 0x2069 }, { 0xFEFF, 0xFEFF }, { 0xFFF9, 0xFFFB }, { 0xE0000, 0xE007F },
}

local function within(ranges, point)
  local low, high = 1, #ranges
  while low <= high do
    local middle = (low + high) // 2
    local range = ranges[middle]
    if point < range[1] then
      high = middle - 1
    elseif point > range[2] then
      low = middle + 1
    else
      return true
    end
  end
  return false
end

local function escaped(point)
  if point == 9 then return "\\t" end
  if point == 10 then return "\\n" end
  if point == 13 then return "\\r" end
  if point < 0x100 then return ("\\x%02x"):format(point) end
  return ("\\u{%x}"):format(point)
end

--- Makes what would drive a terminal visible: control characters and direction marks as escapes,
-- bytes that are not UTF-8 as \xNN. Everything else stays as it is.
-- @tparam string text from outside
-- @treturn string one line
function M.visible(text)
  if not text:find("[^\x20-\x7e]") then
    return text
  end
  local out, at = {}, 1
  while at <= #text do
    local length = utf8.len(text, at, at)
    if length then
      local point = utf8.codepoint(text, at)
      local after = utf8.offset(text, 2, at)
      out[#out + 1] = within(ACTIVE, point) and escaped(point) or text:sub(at, after - 1)
      at = after
    else
      out[#out + 1] = ("\\x%02x"):format(text:byte(at))
      at = at + 1
    end
  end
  return table.concat(out)
end

local function columns(point)
  if point < 0x300 then
    return 1
  elseif within(ZERO, point) then
    return 0
  end
  return within(WIDE, point) and 2 or 1
end

--- How many columns a text takes on a terminal.
-- @tparam string text UTF-8 that went through `visible`
-- @treturn integer
function M.width(text)
  if not text:find("[\x80-\xff]") then
    return #text
  end
  if not utf8.len(text) then
    return #text
  end
  local sum = 0
  for _, point in utf8.codes(text) do
    sum = sum + columns(point)
  end
  return sum
end

--- Cuts a text to a width, with an ellipsis where something was cut off.
-- @tparam string text
-- @tparam integer width in columns, at least 1
-- @treturn string
function M.clip(text, width)
  if M.width(text) <= width or not utf8.len(text) then
    return text
  end
  local sum = 0
  for at, point in utf8.codes(text) do
    local taken = columns(point)
    if sum + taken > width - 1 then
      return text:sub(1, at - 1) .. "…"
    end
    sum = sum + taken
  end
  return text
end

--- Fills a text with spaces to a width.
-- @tparam string text
-- @tparam integer width in columns
-- @tparam ?boolean right whether the text goes to the right end
-- @treturn string
function M.pad(text, width, right)
  local blank = (" "):rep(width - M.width(text))
  return right and blank .. text or text .. blank
end

--- A number as people read it: 1,234,567.
-- @tparam number n integers are exact; others keep at most `digits` decimals
-- @tparam ?integer digits 1 unless told
-- @treturn string
function M.number(n, digits)
  local whole = math.tointeger(n)
  if whole then
    local text = ("%d"):format(whole)
    local sign, figures = text:match("^(%-?)(%d+)$")
    figures = figures:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
    return sign .. figures
  end
  if n ~= n or n == math.huge or n == -math.huge then
    return tostring(n)
  end
  local sign, before, after = ("%." .. (digits or 1) .. "f"):format(n):match("^(%-?)(%d+)(.*)$")
  return sign .. M.number(math.tointeger(tonumber(before))) .. after
end

--- A number with its noun: "1 tag", "2,000 tags".
-- @tparam integer n
-- @tparam string one the noun for one
-- @tparam ?string many the noun for others; `one` with an s unless told
-- @treturn string
function M.count(n, one, many)
  return M.number(n) .. " " .. (n == 1 and one or many or one .. "s")
end

--- A length of time as people say it: "0.4 s", "12 s", "3 min 5 s", "2 h 10 min".
-- @tparam number seconds
-- @treturn string
function M.duration(seconds)
  if seconds < 0 then
    seconds = 0
  end
  if seconds < 9.95 then
    return (("%.1f"):format(seconds):gsub("%.0$", "")) .. " s"
  end
  local whole = math.floor(seconds + 0.5)
  if whole < 60 then
    return whole .. " s"
  elseif whole < 3600 then
    local rest = whole % 60
    return whole // 60 .. " min" .. (rest > 0 and " " .. rest .. " s" or "")
  end
  local minutes = (whole + 30) // 60
  local rest = minutes % 60
  return M.number(minutes // 60) .. " h" .. (rest > 0 and " " .. rest .. " min" or "")
end

--- Sets rows out in columns, two spaces between, the last one not filled up.
-- @tparam {{string,...},...} rows of texts that went through `visible`
-- @tparam ?{[integer]="right"} sides columns that go to the right
-- @tparam ?{[integer]=integer} limits columns that are cut to a width
-- @treturn {string,...} one line a row
function M.columns(rows, sides, limits)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, text in ipairs(row) do
      local limit = limits and limits[i]
      widths[i] = math.max(widths[i] or 0, math.min(M.width(text), limit or math.huge))
    end
  end
  local lines = {}
  for _, row in ipairs(rows) do
    local parts = {}
    for i, text in ipairs(row) do
      if limits and limits[i] then
        text = M.clip(text, limits[i])
      end
      local right = sides and sides[i] == "right"
      parts[i] = (i == #row and not right) and text or M.pad(text, widths[i], right)
    end
    lines[#lines + 1] = (table.concat(parts, "  "):gsub(" +$", ""))
  end
  return lines
end

local COLOURS = { bold = "1", dim = "2", red = "31", green = "32", yellow = "33", cyan = "36" }

--- Makes the function that colours text, or leaves it alone.
-- @tparam boolean on whether there is a terminal that shows colour
-- @treturn function(name, text) -> string; name is one of bold, dim, red, green, yellow, cyan
function M.painter(on)
  return function(name, text)
    local code = COLOURS[name] or error("no such colour: " .. tostring(name), 2)
    return on and text ~= "" and "\27[" .. code .. "m" .. text .. "\27[0m" or text
  end
end

--- Whether colour is wanted on a descriptor: a terminal, without NO_COLOR, that is not "dumb".
-- @tparam boolean terminal
-- @tparam function getenv os.getenv
-- @treturn boolean
function M.wants_colour(terminal, getenv)
  local refused = getenv("NO_COLOR")
  return terminal and not (refused and refused ~= "") and getenv("TERM") ~= "dumb"
end

return M
