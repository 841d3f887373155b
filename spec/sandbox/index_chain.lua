-- Looks up a name along a chain that bites its tail.
-- failed: loop
tag "Attack" {
  when = function(user)
    if user.attack then
      local a, b = {}, {}
      setmetatable(a, { __index = b })
      setmetatable(b, { __index = a })
      return a.x
    end
    return true
  end,
}
