-- Calls what a rule has no business with: package.
-- failed: 'package' is not available in a rule file
tag "Attack" {
  when = function(user)
    if user.attack then
      package.loadlib("x", "*")
    end
    return true
  end,
}
