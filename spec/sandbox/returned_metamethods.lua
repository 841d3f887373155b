-- Returns a table whose contents are made up by metamethods: they are not asked.
-- failed: returned no decision for 'Attack': give it true, false or leave
rule "general" {
  owns = { "Attack" },
  decide = function(user)
    if user.attack then
      local function loop() while true do end end
      return setmetatable({}, { __index = loop, __pairs = loop, __len = loop, __eq = loop, __metatable = loop })
    end
    return { Attack = true }
  end,
}
