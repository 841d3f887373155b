-- Gets hold of the table behind its view by walking it.
-- failed: attempt to
local state = { 1 }

tag "Attack" {
  when = function(user)
    if user.attack then
      local _, behind = pairs(state)
      behind.struck = true
    end
    return not state.struck
  end,
}
