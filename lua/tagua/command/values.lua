--- Values of options: from the text that was typed to what a command uses. Pure.
-- Each function gives a converter for argparse: value, or nil and a sentence that names the option.
local nearest = require("tagua.nearest")

local M = {}

--- The words that a converter takes, by the converter, for what completes them.
M.words = setmetatable({}, { __mode = "k" })

--- A whole number within bounds.
-- @tparam string option its name, for the message
-- @tparam integer least
-- @tparam integer most
-- @treturn function
function M.whole(option, least, most)
  return function(text)
    local value = text:match("^%d+$") and math.tointeger(tonumber(text))
    if not value or value < least or value > most then
      return nil, ("%s takes a whole number from %d to %d, got '%s'"):format(option, least, most, text)
    end
    return value
  end
end

--- A number above zero, 1e6 at most.
-- @tparam string option
-- @treturn function
function M.positive(option)
  return function(text)
    local value = text:match("^%d*%.?%d+$") and tonumber(text)
    if not value or value <= 0 or value > 1e6 then
      return nil, ("%s takes a number above 0, got '%s'"):format(option, text)
    end
    return value
  end
end

--- A length of time in seconds, written as 30d: minutes, hours, days or weeks.
-- @tparam string option
-- @treturn function
function M.duration(option)
  return function(text)
    local seconds = require("tagua.rules.moments").duration(text)
    if not seconds then
      return nil, ("%s takes a length of time such as 30d (m, h, d or w), got '%s'"):format(option, text)
    end
    return seconds
  end
end

--- One of a few words.
-- @tparam string option
-- @tparam {string,...} words
-- @treturn function
function M.one_of(option, words)
  local function convert(text)
    for _, word in ipairs(words) do
      if text == word then
        return word
      end
    end
    return nil, ("%s takes %s, got '%s'%s"):format(
      option, table.concat(words, " or "), text, nearest.hint(text, words))
  end
  M.words[convert] = words
  return convert
end

--- One byte that separates columns; `\t` or `tab` is a tab.
-- @tparam string option
-- @treturn function
function M.delimiter(option)
  return function(text)
    if text == "\\t" or text == "tab" then
      return "\t"
    elseif #text ~= 1 or text:find('["\r\n%w]') then
      return nil, ("%s takes one character such as ';', or tab, got '%s'"):format(option, text)
    end
    return text
  end
end

--- What of a user the id column holds: ext_id, phone, email or param:NAME.
-- @tparam string option
-- @treturn function
function M.match(option)
  local words = { "ext_id", "phone", "email", "param:NAME" }
  local function convert(text)
    if text == "ext_id" or text == "phone" or text == "email" or text:match("^param:.+") then
      return text
    end
    return nil, ("%s takes ext_id, phone, email or param:NAME, got '%s'%s"):format(
      option, text, nearest.hint(text, words))
  end
  M.words[convert] = { "ext_id", "phone", "email", "param:" }
  return convert
end

--- The name of a connection, with or without its @.
-- @treturn function
function M.connection(text)
  local name = text:gsub("^@", "")
  if name == "" then
    return nil, "a connection needs a name, such as shop"
  end
  return name
end

return M
