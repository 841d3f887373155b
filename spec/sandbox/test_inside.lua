-- Adds a test while a user is decided.
-- failed: test belongs outside of functions
tag "Attack" {
  when = function(user)
    if user.attack then test "late" { user = {}, expect = {} } end
    return true
  end,
}
