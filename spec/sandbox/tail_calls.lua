-- Calls itself for ever without a stack.
-- failed: ran out of time: it took more than
tag "Attack" {
  when = function(user)
    if user.attack then
      local function f() return f() end
      return f()
    end
    return true
  end,
}
