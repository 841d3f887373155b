-- Walks a table that has no end.
-- failed: ran out of time: it took more than
tag "Attack" {
  when = function(user)
    if user.attack then
      for _ in ipairs(setmetatable({}, { __index = function(_, i) return i end })) do end
    end
    return true
  end,
}
