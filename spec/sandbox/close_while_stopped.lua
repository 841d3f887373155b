-- Runs for ever while it is being stopped.
-- failed: ran out of time: it took more than
tag "Attack" {
  when = function(user)
    if user.attack then
      local object <close> = setmetatable({}, { __close = function() while true do end end })
      while true do end
    end
    return true
  end,
}
