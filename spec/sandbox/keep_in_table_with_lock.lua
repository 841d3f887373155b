-- Counts in a table whose metatable is locked.
-- failed: the table that holds 'struck' is written inside a rule
local state = setmetatable({}, { __metatable = false })

tag "Attack" {
  when = function(user)
    if user.attack then state.struck = true end
    return not state.struck
  end,
}
