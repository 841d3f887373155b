-- Fills a table until memory is gone.
-- failed: ran out of memory: the rules may hold
tag "Attack" {
  when = function(user)
    if user.attack then
      local t = {}
      for i = 1, math.huge do t[i] = i end
    end
    return true
  end,
}
