-- Inserts into a table of the file.
-- failed: the table that holds '1' is written inside a rule
local list = {}

tag "Attack" {
  when = function(user)
    if user.attack then table.insert(list, "struck") end
    return #list == 0
  end,
}
