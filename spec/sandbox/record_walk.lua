-- Walks the record.
-- failed: a record cannot be walked or measured
tag "Attack" {
  when = function(user)
    if user.attack then
      for _ in pairs(user) do end
    end
    return true
  end,
}
