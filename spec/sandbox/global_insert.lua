-- Inserts into the globals through the table library.
-- failed: the global '
tag "Attack" {
  when = function(user)
    if user.attack then
      table.insert(_G, 1, 1)
    end
    return true
  end,
}
