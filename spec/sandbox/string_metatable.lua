-- Looks for the metatable of strings.
-- failed: 'getmetatable' is not available in a rule file
tag "Attack" {
  when = function(user)
    if user.attack then
      getmetatable("").__index = {}
    end
    return true
  end,
}
