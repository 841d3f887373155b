-- Asks for more values than there can be.
-- failed: too many results to unpack
tag "Attack" {
  when = function(user)
    if user.attack then
      table.unpack({}, 1, 1 << 30)
    end
    return true
  end,
}
