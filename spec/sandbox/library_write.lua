-- Replaces a function of the library.
-- failed: 'string' is read-only: 'len' cannot be written
tag "Attack" {
  when = function(user)
    if user.attack then
      string.len = function() return 0 end
    end
    return true
  end,
}
