-- Writes through a string.
-- failed: attempt to index a string value
tag "Attack" {
  when = function(user)
    if user.attack then
      ("x").len = 1
    end
    return true
  end,
}
