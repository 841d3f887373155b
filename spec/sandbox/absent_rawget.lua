-- Calls what a rule has no business with: rawget.
-- failed: 'rawget' is not available in a rule file
tag "Attack" {
  when = function(user)
    if user.attack then
      rawget(user, "attack")
    end
    return true
  end,
}
