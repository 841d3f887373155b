-- Raises a table that runs for ever when it is turned into text.
-- failed: raised a table instead of a message
tag "Attack" {
  when = function(user)
    if user.attack then
      error(setmetatable({}, { __tostring = function() while true do end end }))
    end
    return true
  end,
}
