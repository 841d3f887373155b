-- Runs for ever when a variable goes out of scope.
-- failed: ran out of time: it took more than
tag "Attack" {
  when = function(user)
    if user.attack then
      local object <close> = setmetatable({}, { __close = function() while true do end end })
    end
    return true
  end,
}
