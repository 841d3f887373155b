-- Adds the finalizer after the metatable was set: it never runs.
-- harmless
tag "Attack" {
  when = function(user)
    if user.attack then
      local metatable = {}
      local object = setmetatable({}, metatable)
      metatable.__gc = function() while true do end end
      object = nil
      local garbage = {}
      for i = 1, 100000 do garbage[i % 10] = { i } end
    end
    return true
  end,
}
