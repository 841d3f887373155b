-- Counts in a local of the file, then raises.
-- failed: changed 'struck', which is not its own
local struck = false

tag "Attack" {
  when = function(user)
    if user.attack then
      struck = true
      error("raised")
    end
    return not struck
  end,
}
