-- Returns very many values: only the first counts.
-- harmless
tag "Attack" {
  when = function(user)
    if user.attack then
      return true, table.unpack({}, 1, 100000)
    end
    return true
  end,
}
