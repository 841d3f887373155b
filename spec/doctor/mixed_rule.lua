-- A general rule compares.
-- finds: mixed-types 7
fields { level = text }
rule "levels" {
  owns = { "Gold" },
  decide = function(user)
    return { Gold = user.level == 3 }
  end,
}
