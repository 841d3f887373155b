-- Has a text filled up to a gigabyte.
-- failed: ran out of memory
tag "Attack" {
  when = function(user)
    if user.attack then return #string.pack("c1000000000", "x") > 0 end
    return true
  end,
}
