-- Inserts into a table that claims to be long.
-- failed: got stuck inside one call for more than
tag "Attack" {
  when = function(user)
    if user.attack then
      table.insert(setmetatable({}, { __len = function() return 1 << 40 end }), 1, "x")
    end
    return true
  end,
}
