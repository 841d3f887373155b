-- Calls itself until the stack is full.
-- failed: ran out of memory: the rules may hold
tag "Attack" {
  when = function(user)
    if user.attack then
      local function f() return 1 + f() end
      f()
    end
    return true
  end,
}
