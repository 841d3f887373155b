-- Jumps for ever.
-- failed: ran out of time: it took more than
tag "Attack" {
  when = function(user)
    if user.attack then
      ::again::
      goto again
    end
    return true
  end,
}
