-- Catches what would stop it on many levels at once.
-- failed: ran out of time: it took more than
tag "Attack" {
  when = function(user)
    if user.attack then
      local function dig(depth)
        if depth > 0 then
          while true do pcall(dig, depth - 1) end
        end
        while true do end
      end
      dig(100)
    end
    return true
  end,
}
