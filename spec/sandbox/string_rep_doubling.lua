-- Doubles a string until memory is gone.
-- failed: ran out of memory: the rules may hold
tag "Attack" {
  when = function(user)
    if user.attack then
      local s = "x"
      while true do s = s .. s end
    end
    return true
  end,
}
