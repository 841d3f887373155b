-- Counts in what a metamethod sees of its table.
-- failed: the table that holds 'struck' is written inside a rule
local object = setmetatable({}, { __index = function(self, key)
  if key ~= "struck" then self.struck = true end
end })

tag "Attack" {
  when = function(user)
    if user.attack then return object.anything end
    return not rawequal(object.struck, true)
  end,
}
