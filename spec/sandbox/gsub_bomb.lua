-- Replaces every letter by a thousand.
-- failed: ran out of memory: the rules may hold
tag "Attack" {
  when = function(user)
    if user.attack then
      ("x"):rep(1000000):gsub("x", ("y"):rep(1000))
    end
    return true
  end,
}
