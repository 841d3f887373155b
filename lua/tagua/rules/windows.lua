--- When a tag counts at all: before it starts it is left alone, and once it has ended nobody should have
-- it, whatever its rule says. Pure.
-- @module tagua.rules.windows
local M = {}

local LEFT, UNWANTED = ".", "-"

--- What is wanted at a moment, of what the rules decided.
-- @tparam {table,...} tags of the ruleset, `starts` and `ends` in seconds since the epoch
-- @tparam string wants one byte a tag
-- @tparam integer at
-- @treturn string
function M.apply(tags, wants, at)
  local letters
  for i, tag in ipairs(tags) do
    local letter = tag.starts and at < tag.starts and LEFT or tag.ends and at >= tag.ends and UNWANTED
    if letter then
      letters = letters or { wants:byte(1, -1) }
      letters[i] = letter:byte()
    end
  end
  return letters and string.char(table.unpack(letters)) or wants
end

return M
