-- Runs for ever.
-- failed: ran out of time: it took more than
tag "Attack" {
  when = function(user)
    if user.attack then
      while true do end
    end
    return true
  end,
}
