-- Makes strings that are too big, for ever, and catches the errors.
-- failed: ran out of time: it took more than
tag "Attack" {
  when = function(user)
    if user.attack then
      while true do pcall(string.rep, "x", 500 * 1024 * 1024) end
    end
    return true
  end,
}
