-- Asks gmatch for a pattern that tries too much inside one call, and would catch what comes of it.
-- failed: got stuck inside one call for more than
tag "Attack" {
  when = function(user)
    if user.attack then
      pcall(function()
        for _ in ("a"):rep(400):gmatch("(a-)(a-)(a-)(a-)(a-)(a-)b") do end
      end)
    end
    return true
  end,
}
