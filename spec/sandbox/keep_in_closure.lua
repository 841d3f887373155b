-- Counts in a closure that was made while the file was loaded.
-- failed: changed 'count', which is not its own
local function counter()
  local count = 0
  return function() count = count + 1 end, function() return count end
end
local count, peek = counter()

tag "Attack" {
  when = function(user)
    if user.attack then count() end
    return peek() == 0
  end,
}
