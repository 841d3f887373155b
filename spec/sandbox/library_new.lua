-- Adds a function to the library.
-- failed: 'math' is read-only: 'answer' cannot be written
tag "Attack" {
  when = function(user)
    if user.attack then
      math.answer = 42
    end
    return true
  end,
}
