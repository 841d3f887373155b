-- Runs for ever when it is turned into text.
-- failed: ran out of time: it took more than
tag "Attack" {
  when = function(user)
    if user.attack then
      tostring(setmetatable({}, { __tostring = function() while true do end end }))
    end
    return true
  end,
}
