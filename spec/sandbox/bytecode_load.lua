-- Brings bytecode of its own making along.
-- failed: 'load' is not available in a rule file
tag "Attack" {
  when = function(user)
    if user.attack then return load("\27Lua\84\0\25\147\r\n\26\n", "=x", "b")() end
    return true
  end,
}
