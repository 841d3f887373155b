-- Replaces by a function that never ends.
-- failed: ran out of time: it took more than
tag "Attack" {
  when = function(user)
    if user.attack then
      ("x"):gsub("x", function() while true do end end)
    end
    return true
  end,
}
