-- Declares fields while users are decided.
-- failed: fields belongs outside of functions
tag "Attack" {
  when = function(user)
    if user.attack then
      fields {}
    end
    return true
  end,
}
