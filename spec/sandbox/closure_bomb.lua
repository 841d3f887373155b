-- Makes closures until memory is gone.
-- failed: ran out of memory: the rules may hold
tag "Attack" {
  when = function(user)
    if user.attack then
      local list = {}
      while true do list[#list + 1] = function() return list end end
    end
    return true
  end,
}
