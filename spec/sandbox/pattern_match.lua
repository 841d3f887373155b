-- Asks match for a pattern that tries too much inside one call.
-- failed: got stuck inside one call for more than
tag "Attack" {
  when = function(user)
    if user.attack then return ("x"):rep(400):match(("x*"):rep(12) .. "y") ~= nil end
    return true
  end,
}
