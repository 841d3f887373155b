-- Changes the metatable of a library.
-- failed: cannot change a protected metatable
tag "Attack" {
  when = function(user)
    if user.attack then
      setmetatable(table, {})
    end
    return true
  end,
}
