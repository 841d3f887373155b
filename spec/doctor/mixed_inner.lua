-- A function inside the rule compares.
-- finds: mixed-types 6
fields { level = text }
tag "Gold" {
  when = function(user)
    local function high() return user.level == 3 end
    return high()
  end,
}
