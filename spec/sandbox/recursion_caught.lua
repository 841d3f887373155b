-- Catches the full stack, and goes on.
-- failed: ran out of time: it took more than
tag "Attack" {
  when = function(user)
    if user.attack then
      local function f() return 1 + f() end
      while true do pcall(f) end
    end
    return true
  end,
}
