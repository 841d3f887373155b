-- Sorts a table of the file.
-- failed: is written inside a rule
local list = { 3, 2, 1 }

tag "Attack" {
  when = function(user)
    if user.attack then table.sort(list) end
    return list[1] == 3
  end,
}
