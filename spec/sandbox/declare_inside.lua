-- Declares a tag while users are decided.
-- failed: tag belongs outside of functions
tag "Attack" {
  when = function(user)
    if user.attack then
      tag "New" { when = function() return true end }
    end
    return true
  end,
}
