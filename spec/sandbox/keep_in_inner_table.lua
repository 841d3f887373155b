-- Counts in a table inside a table of the file.
-- failed: the table that holds 'struck' is written inside a rule
local state = { inner = {} }

tag "Attack" {
  when = function(user)
    if user.attack then state.inner.struck = true end
    return not state.inner.struck
  end,
}
