-- Counts in a table of the file.
-- failed: the table that holds 'struck' is written inside a rule: a rule keeps nothing from one user to the next
local state = {}

tag "Attack" {
  when = function(user)
    if user.attack then state.struck = true end
    return not state.struck
  end,
}
