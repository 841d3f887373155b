-- Swaps the environment of all rules.
-- failed: changed '_ENV', which is not its own
tag "Attack" {
  when = function(user)
    if user.attack then _ENV = { struck = true } end
    return type(has) == "function"
  end,
}
