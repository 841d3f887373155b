-- Writes a global.
-- failed: the global 'counter' is written inside a rule
tag "Attack" {
  when = function(user)
    if user.attack then
      counter = 1
    end
    return true
  end,
}
