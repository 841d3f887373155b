-- Runs for ever, and catches whatever would stop it.
-- failed: ran out of time: it took more than
tag "Attack" {
  when = function(user)
    if user.attack then
      while true do
        pcall(function()
          while true do end
        end)
      end
    end
    return true
  end,
}
