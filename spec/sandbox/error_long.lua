-- Raises a message of a megabyte.
-- failed: xxxxxxxx
tag "Attack" {
  when = function(user)
    if user.attack then
      error(("x"):rep(1000000), 0)
    end
    return true
  end,
}
