-- Catches what comes out of such a pattern.
-- failed: got stuck inside one call for more than
tag "Attack" {
  when = function(user)
    if user.attack then
      pcall(string.find, ("a"):rep(300), "a-a-a-a-a-a-b")
    end
    return true
  end,
}
