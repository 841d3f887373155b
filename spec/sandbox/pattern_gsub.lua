-- Replaces by such a pattern.
-- failed: got stuck inside one call for more than
tag "Attack" {
  when = function(user)
    if user.attack then
      ("a"):rep(300):gsub("a-a-a-a-a-a-b", "")
    end
    return true
  end,
}
