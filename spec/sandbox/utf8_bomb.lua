-- Makes texts out of more and more characters.
-- failed: ran out of memory
tag "Attack" {
  when = function(user)
    if user.attack then
      local text = utf8.char(0x7FFFFFFF)
      while true do text = text .. text .. utf8.char(utf8.codepoint(text, 1, 1, true)) end
    end
    return true
  end,
}
