-- Calls what a rule has no business with: rawset.
-- failed: 'rawset' is not available in a rule file
tag "Attack" {
  when = function(user)
    if user.attack then
      rawset(user, "attack", false)
    end
    return true
  end,
}
