-- Wants a coroutine that makes a coroutine, and so on, each with a stack of its own.
-- failed: 'coroutine' is not available in a rule file
tag "Attack" {
  when = function(user)
    local function deeper() return coroutine.wrap(deeper)() end
    if user.attack then return deeper() end
    return true
  end,
}
