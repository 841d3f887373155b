-- Calls what a rule has no business with: io.
-- failed: 'io' is not available in a rule file
tag "Attack" {
  when = function(user)
    if user.attack then
      io.open("/etc/passwd")
    end
    return true
  end,
}
