-- A general rule reads one of its tags.
-- finds: own-tag 7
fields { tags = tagset }
rule "regions" {
  owns = { "North", "South" },
  decide = function(user)
    return { North = user.tags["South"], South = false }
  end,
}
