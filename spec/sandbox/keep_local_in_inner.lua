-- Counts in a local of the file, through a function that the rule makes.
-- failed: changed 'struck', which is not its own
local struck = false

tag "Attack" {
  when = function(user)
    if user.attack then (function() pcall(function() struck = true end) end)() end
    return not struck
  end,
}
