-- Calls what a rule has no business with: dofile.
-- failed: 'dofile' is not available in a rule file
tag "Attack" {
  when = function(user)
    if user.attack then
      dofile("/etc/passwd")
    end
    return true
  end,
}
