-- Counts in a local of the file, through a helper.
-- failed: changed 'struck', which is not its own: a rule keeps nothing from one user to the next
local struck = false
local function strike() struck = true end

tag "Attack" {
  when = function(user)
    if user.attack then strike() end
    return not struck
  end,
}
