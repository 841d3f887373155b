-- Writes a global through _G.
-- failed: the global 'x' is written inside a rule
tag "Attack" {
  when = function(user)
    if user.attack then
      _G.x = 1
    end
    return true
  end,
}
