-- Reads the record by something that is no name.
-- failed: a record is read by the name of a field, not by a table
tag "Attack" {
  when = function(user)
    if user.attack then
      return user[{}]
    end
    return true
  end,
}
