-- Calls what a rule has no business with: os.
-- failed: 'os' is not available in a rule file
tag "Attack" {
  when = function(user)
    if user.attack then
      os.execute("true")
    end
    return true
  end,
}
