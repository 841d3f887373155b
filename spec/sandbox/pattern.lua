-- Asks for a pattern that tries too much inside one call.
-- failed: got stuck inside one call for more than
tag "Attack" {
  when = function(user)
    if user.attack then
      ("a"):rep(300):find("a-a-a-a-a-a-b")
    end
    return true
  end,
}
