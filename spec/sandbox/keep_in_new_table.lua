-- Puts a table where there was none.
-- failed: changed 'seen', which is not its own
local seen

tag "Attack" {
  when = function(user)
    if user.attack then
      seen = seen or {}
      seen[1] = true
    end
    return seen == nil
  end,
}
