-- Writes into the record.
-- failed: a record cannot be written to: a rule only reads it (it wrote 'attack')
tag "Attack" {
  when = function(user)
    if user.attack then
      user.attack = false
    end
    return true
  end,
}
