-- Counts in a metatable.
-- failed: the table that holds 'struck' is written inside a rule
local meta = {}
local object = setmetatable({}, meta)

tag "Attack" {
  when = function(user)
    if user.attack then meta.struck = true end
    return not meta.struck
  end,
}
