-- Moves a thousand million elements inside one call.
-- failed: got stuck inside one call for more than
tag "Attack" {
  when = function(user)
    if user.attack then
      table.move({}, 1, 1 << 40, 2, {})
    end
    return true
  end,
}
