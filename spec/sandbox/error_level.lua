-- Raises an error that blames somebody else.
-- failed: tag 'Attack': not me
tag "Attack" {
  when = function(user)
    if user.attack then
      error("not me", 3)
    end
    return true
  end,
}
