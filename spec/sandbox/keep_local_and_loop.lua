-- Counts in a local of the file, then runs for ever.
-- failed: ran out of time: it took more than
local struck = false

tag "Attack" {
  when = function(user)
    if user.attack then
      struck = true
      while true do end
    end
    return not struck
  end,
}
