-- Changes the metatable of the record.
-- failed: cannot change a protected metatable
tag "Attack" {
  when = function(user)
    if user.attack then
      setmetatable(user, nil)
    end
    return true
  end,
}
