-- Calls what a rule has no business with: print.
-- failed: 'print' is not available in a rule file
tag "Attack" {
  when = function(user)
    if user.attack then
      print("x")
    end
    return true
  end,
}
