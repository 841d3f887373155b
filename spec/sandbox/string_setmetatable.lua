-- Gives strings another metatable.
-- failed: setmetatable wants a table, got a string
tag "Attack" {
  when = function(user)
    if user.attack then
      setmetatable("", {})
    end
    return true
  end,
}
