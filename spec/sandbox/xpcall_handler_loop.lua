-- Runs for ever in the handler of an error.
-- failed: ran out of time: it took more than
tag "Attack" {
  when = function(user)
    if user.attack then
      xpcall(function() while true do end end, function() while true do end end)
    end
    return true
  end,
}
