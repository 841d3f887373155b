-- Overwrites a word of the language.
-- failed: 'now' is a word of the rule language
tag "Attack" {
  when = function(user)
    if user.attack then
      now = function() return 0 end
    end
    return true
  end,
}
