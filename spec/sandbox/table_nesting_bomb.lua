-- Hangs tables on tables until memory is gone.
-- failed: ran out of memory: the rules may hold
tag "Attack" {
  when = function(user)
    if user.attack then
      local t = {}
      while true do t = { t } end
    end
    return true
  end,
}
