-- Fields are read by names that are worked out.
-- finds: nothing
fields { a = integer, b = integer, c = integer }
local parts = { "a", "b", "c" }
tag "All" {
  when = function(user)
    for _, part in ipairs(parts) do
      if user[part] < 3 then return false end
    end
    return true
  end,
}
