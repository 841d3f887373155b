-- Calls what a rule has no business with: debug.
-- failed: 'debug' is not available in a rule file
tag "Attack" {
  when = function(user)
    if user.attack then
      debug.sethook()
    end
    return true
  end,
}
