-- Returns a table where a decision is wanted.
-- failed: returned a table: return true, false or leave
tag "Attack" {
  when = function(user)
    if user.attack then
      return setmetatable({}, { __eq = function() return true end })
    end
    return true
  end,
}
