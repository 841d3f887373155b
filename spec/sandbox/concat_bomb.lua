-- Joins a table into one string that is too big.
-- failed: ran out of memory: the rules may hold
tag "Attack" {
  when = function(user)
    if user.attack then
      local t = {}
      local part = ("x"):rep(1024 * 1024)
      for i = 1, 100 do t[i] = part end
      table.concat(t)
    end
    return true
  end,
}
