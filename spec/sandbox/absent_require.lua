-- Calls what a rule has no business with: require.
-- failed: 'require' is not available in a rule file
tag "Attack" {
  when = function(user)
    if user.attack then
      require("os")
    end
    return true
  end,
}
