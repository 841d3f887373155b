-- Returns a table whose metatable would run when it is collected.
-- failed: setmetatable refuses __gc
rule "general" {
  owns = { "Attack" },
  decide = function(user)
    local meta = user.attack and { __gc = function() while true do end end } or {}
    return setmetatable({ Attack = true }, meta)
  end,
}
