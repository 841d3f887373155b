-- Sorts by a comparison that never ends.
-- failed: ran out of time: it took more than
tag "Attack" {
  when = function(user)
    if user.attack then
      table.sort({ 3, 2, 1 }, function() while true do end end)
    end
    return true
  end,
}
