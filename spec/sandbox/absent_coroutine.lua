-- Calls what a rule has no business with: coroutine.
-- failed: 'coroutine' is not available in a rule file
tag "Attack" {
  when = function(user)
    if user.attack then
      coroutine.wrap(function() while true do end end)()
    end
    return true
  end,
}
