-- Inserts into the record through the table library.
-- failed: a record cannot be w
tag "Attack" {
  when = function(user)
    if user.attack then
      table.insert(user, 1, 1)
    end
    return true
  end,
}
