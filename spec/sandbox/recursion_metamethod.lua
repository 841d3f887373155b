-- Fills the C stack through metamethods.
-- failed: overflow
tag "Attack" {
  when = function(user)
    if user.attack then
      local t = setmetatable({}, {})
      local m = {}
      m.__index = function(_, k) return setmetatable({}, m)[k] end
      return setmetatable(t, m).x
    end
    return true
  end,
}
