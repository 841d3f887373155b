-- Makes one string that is too big.
-- failed: ran out of memory: the rules may hold
tag "Attack" {
  when = function(user)
    if user.attack then
      local s = ("x"):rep(500 * 1024 * 1024)
    end
    return true
  end,
}
