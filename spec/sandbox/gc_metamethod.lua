-- Wants a finalizer, which would run when nobody watches.
-- failed: setmetatable refuses __gc
tag "Attack" {
  when = function(user)
    if user.attack then
      setmetatable({}, { __gc = function() while true do end end })
    end
    return true
  end,
}
