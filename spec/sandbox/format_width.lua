-- Formats a number into a very wide field.
-- failed: invalid conversion
tag "Attack" {
  when = function(user)
    if user.attack then
      ("%99999d"):format(1)
    end
    return true
  end,
}
