-- The text went through a local.
-- finds: mixed-types 8
fields { city = text }
tag "T" {
  when = function(user)
    local city = user.city
    if city == "" then return false end
    return city == 7
  end,
}
