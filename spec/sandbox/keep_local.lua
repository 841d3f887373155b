-- Counts in a local of the file.
-- failed: changed 'struck', which is not its own: a rule keeps nothing from one user to the next
local struck = false

tag "Attack" {
  when = function(user)
    if user.attack then struck = true end
    return not struck or user.attack
  end,
}
