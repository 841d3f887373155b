-- Takes the bytecode of a function through the method of a string.
-- failed: 'string.dump' is not available in a rule file
tag "Attack" {
  when = function(user)
    if user.attack then return #("").dump(function() end) > 0 end
    return true
  end,
}
