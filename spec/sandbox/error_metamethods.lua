-- Raises a table that answers to everything with a loop: nobody asks it.
-- failed: raised a table instead of a message
tag "Attack" {
  when = function(user)
    if user.attack then
      local function loop() while true do end end
      error(setmetatable({}, { __index = loop, __concat = loop, __call = loop, __name = "x", __close = loop }))
    end
    return true
  end,
}
