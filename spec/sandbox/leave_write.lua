-- Writes into the value leave.
-- failed: 'leave' cannot be written to
tag "Attack" {
  when = function(user)
    if user.attack then
      leave.x = 1
    end
    return true
  end,
}
