-- Calls what a rule has no business with: load.
-- failed: 'load' is not available in a rule file
tag "Attack" {
  when = function(user)
    if user.attack then
      load("return 1")()
    end
    return true
  end,
}
