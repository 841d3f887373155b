-- Fills the C stack through functions of the library.
-- failed: overflow
tag "Attack" {
  when = function(user)
    if user.attack then
      local function f(s) return (s:gsub(".", f)) end
      f("x")
    end
    return true
  end,
}
