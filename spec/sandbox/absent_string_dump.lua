-- Turns a function into bytecode.
-- failed: 'string.dump' is not available in a rule file
tag "Attack" {
  when = function(user)
    if user.attack then
      string.dump(function() end)
    end
    return true
  end,
}
