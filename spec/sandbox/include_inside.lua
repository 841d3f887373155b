-- Includes a file once a user is decided.
-- failed: include belongs outside of functions
tag "Attack" {
  when = function(user)
    if user.attack then include "*.lua" end
    return true
  end,
}
