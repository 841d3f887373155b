-- Writes into a type.
-- failed: 'date' is a type and cannot be written to
tag "Attack" {
  when = function(user)
    if user.attack then
      date.x = 1
    end
    return true
  end,
}
