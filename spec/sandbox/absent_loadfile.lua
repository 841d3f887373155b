-- Calls what a rule has no business with: loadfile.
-- failed: 'loadfile' is not available in a rule file
tag "Attack" {
  when = function(user)
    if user.attack then
      loadfile("/etc/passwd")
    end
    return true
  end,
}
