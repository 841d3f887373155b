-- Returns a table with very many decisions that it does not own: reading it ends at the first.
-- failed: which it does not own
rule "general" {
  owns = { "Attack" },
  decide = function(user)
    local decisions = { Attack = true }
    if user.attack then
      for i = 1, 100000 do decisions[i] = true end
    end
    return decisions
  end,
}
