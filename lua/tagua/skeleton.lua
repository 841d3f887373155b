--- A rule file to begin with, made of the tags that a platform shows. Pure.
-- @module tagua.skeleton
local terminal = require("tagua.terminal")

local M = {}

-- A name as a rule file writes it.
local function quoted(text)
  return '"' .. text:gsub('[\\"]', "\\%0") .. '"'
end

-- Whether a rule file can have a tag of that name.
local function fits(name)
  return name ~= "" and #name <= 1000 and not name:find("%c") and utf8.len(name) ~= nil
end

local function rule_of(tag)
  local options = { "id = " .. quoted(tag.id) }
  if tag.folder_name and fits(tag.folder_name) then
    options[#options + 1] = "folder = " .. quoted(tag.folder_name)
  end
  return ("tag %s { -- %s\n  %s,\n  when = function(user) return leave end,\n}\n"):format(quoted(tag.name),
    terminal.count(tag.users or 0, "user"), table.concat(options, ", "))
end

--- The text of the rule file. It says of every tag that it is left alone.
-- @tparam string account what the tags are of, for the first line
-- @tparam {table,...} tags `id`, `name`, `kind`, `folder_name`, `users`
-- @tparam string day when that was, for the first line
-- @treturn string
-- @treturn integer how many tags have a rule
-- @treturn integer how many have none, because of their name
function M.text(account, tags, day)
  local parts, count, without, seen = {}, 0, 0, {}
  parts[1] = ([[
-- The tags of %s on %s.
-- Each is left alone until you write who should have it in the place of `leave`: true for a user who should,
-- false for one who should not. What others put on users is not taken off until the rule has `adopt = true`.

timezone "Asia/Taipei"

fields { -- what the rules read of a record, such as: orders = integer { if_empty = 0 }
}
]]):format(terminal.visible(account), day)
  local sorted = {}
  for _, tag in ipairs(tags) do
    if tag.kind ~= "folder" then sorted[#sorted + 1] = tag end
  end
  table.sort(sorted, function(a, b)
    local folder_a, folder_b = a.folder_name or "", b.folder_name or ""
    if folder_a ~= folder_b then return folder_a < folder_b end
    if a.name ~= b.name then return a.name < b.name end
    return a.id < b.id
  end)
  for _, tag in ipairs(sorted) do
    if fits(tag.name) and not seen[tag.name] then
      seen[tag.name] = true
      count = count + 1
      parts[#parts + 1] = rule_of(tag)
    else
      without = without + 1
      parts[#parts + 1] = ("-- %s (%s): %s\n"):format(terminal.visible(tag.name), terminal.visible(tag.id),
        seen[tag.name] and "another tag has this name" or "a rule can't have this name")
    end
  end
  if count == 0 then
    parts[#parts + 1] = 'tag "VIP" { -- there was no tag yet\n  when = function(user) return leave end,\n}\n'
  end
  return table.concat(parts, "\n"), count, without
end

return M
