-- Counts in a global table.
-- failed: the table that holds 'struck' is written inside a rule
state = {}

tag "Attack" {
  when = function(user)
    if user.attack then state.struck = true end
    return not state.struck
  end,
}
