-- Calls what a rule has no business with: collectgarbage.
-- failed: 'collectgarbage' is not available in a rule file
tag "Attack" {
  when = function(user)
    if user.attack then
      collectgarbage("stop")
    end
    return true
  end,
}
