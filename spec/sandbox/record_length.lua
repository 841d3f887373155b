-- Measures the record.
-- failed: a record cannot be walked or measured
tag "Attack" {
  when = function(user)
    if user.attack then
      return #user > 0
    end
    return true
  end,
}
