-- Compares what never comes to an end of being compared, behind pcall.
-- failed: ran out of time
local endless = { __lt = function() while true do end end, __eq = function() while true do end end }

tag "Attack" {
  when = function(user)
    if user.attack then
      local a, b = setmetatable({}, endless), setmetatable({}, endless)
      while true do pcall(function() return a < b or a == b end) end
    end
    return true
  end,
}
