-- Runs for ever in a member of a one_of.
-- failed: ran out of time: it took more than
one_of "group" {
  { "Nobody", function() return false end },
  { "Attack", function(user)
    if user.attack then while true do end end
    return true
  end },
}
