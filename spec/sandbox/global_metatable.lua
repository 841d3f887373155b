-- Changes the metatable of the globals.
-- failed: cannot change a protected metatable
tag "Attack" {
  when = function(user)
    if user.attack then
      setmetatable(_G, {})
    end
    return true
  end,
}
