--- Finds the known name that is nearest to one that is not known. Pure.
-- @module tagua.nearest
local M = {}

-- Names longer than this are compared by their beginning: nobody mistypes the 65th character alone.
local LONGEST = 64

-- The characters of a name without regard to case (ASCII); its bytes where it is not UTF-8.
local function characters(name)
  name = name:lower()
  local list = {}
  if utf8.len(name) then
    for _, character in utf8.codes(name) do
      list[#list + 1] = character
      if #list == LONGEST then break end
    end
  else
    for i = 1, math.min(#name, LONGEST) do
      list[i] = name:byte(i)
    end
  end
  return list
end

-- Edit distance that counts an exchange of two neighbours as one edit (optimal string alignment).
local function distance(a, b)
  local before, last, this = {}, {}, {}
  for j = 0, #b do
    last[j] = j
  end
  for i = 1, #a do
    this[0] = i
    for j = 1, #b do
      local cost = a[i] == b[j] and 0 or 1
      local best = math.min(last[j] + 1, this[j - 1] + 1, last[j - 1] + cost)
      if i > 1 and j > 1 and a[i] == b[j - 1] and a[i - 1] == b[j] then
        best = math.min(best, before[j - 2] + 1)
      end
      this[j] = best
    end
    before, last, this = last, this, before
  end
  return last[#b]
end

--- How many edits turn one name into the other, without regard to case.
-- An edit inserts, removes or replaces a character, or exchanges two neighbours.
-- @tparam string a
-- @tparam string b
-- @treturn integer
function M.distance(a, b)
  return distance(characters(a), characters(b))
end

-- The names of a list, or the text keys of a map, as a list in a fixed order.
local function names_of(names)
  local list = {}
  if names[1] ~= nil then
    for i, name in ipairs(names) do
      list[i] = name
    end
    return list
  end
  for name in pairs(names) do
    if type(name) == "string" then list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

--- The nearest of the known names, where one is near enough to have been meant.
-- Near enough: at most a third of the characters differ (one where the name is short), and not all.
-- @tparam string name
-- @tparam {string,...}|{[string]=any} names a list of names, or a map with names as keys
-- @treturn string|nil
function M.find(name, names)
  local wanted = characters(name)
  local best, least
  for _, candidate in ipairs(names_of(names)) do
    local given = characters(candidate)
    local longer, shorter = math.max(#wanted, #given), math.min(#wanted, #given)
    local limit = math.max(1, longer // 3)
    if longer - shorter <= limit then
      local edits = distance(wanted, given)
      if edits <= limit and edits < longer and (not least or edits < least) then
        best, least = candidate, edits
      end
    end
  end
  return best
end

--- What to put behind a message about an unknown name: ` (did you mean 'tag_user'?)`, or nothing.
-- @tparam string name
-- @tparam {string,...}|{[string]=any} names
-- @treturn string
function M.hint(name, names)
  local found = M.find(name, names)
  return found and (" (did you mean '%s'?)"):format(found) or ""
end

return M
