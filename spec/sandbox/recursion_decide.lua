-- The function of a general rule calls itself without end.
-- failed: ran out of memory: the rules may hold
rule "general" {
  owns = { "Attack" },
  decide = function(user)
    local function deeper(depth) return { Attack = deeper(depth + 1) } end
    if user.attack then return deeper(1) end
    return { Attack = true }
  end,
}
