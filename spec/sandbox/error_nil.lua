-- Raises nothing.
-- failed: raised a nil instead of a message
tag "Attack" {
  when = function(user)
    if user.attack then
      error(nil)
    end
    return true
  end,
}
