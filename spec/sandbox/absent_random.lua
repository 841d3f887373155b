-- Rolls dice: the next run would decide otherwise.
-- failed: 'math.random' is not available in a rule file
tag "Attack" {
  when = function(user)
    if user.attack then
      return math.random() > 0.5
    end
    return true
  end,
}
