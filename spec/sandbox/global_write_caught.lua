-- Writes a global, and catches the error: it is not written.
-- harmless
tag "Attack" {
  when = function(user)
    if user.attack then
      pcall(function() counter = 1 end)
      assert(not pcall(function() return counter end))
    end
    return true
  end,
}
