--- What every platform module does with texts and ids, and with a page of users. Pure.
-- @module tagua.platform.reading
local M = {}

--- A text as a part of a URL.
-- @tparam string text
-- @treturn string
function M.percent_encoded(text)
  return (text:gsub("[^%w%-._~]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

--- What an answer writes as a string or a whole number, as text: ids, names, cursors.
-- @param value
-- @treturn string|nil nil for anything else, and for an empty text, which stands for none
function M.text(value)
  if math.type(value) == "integer" then return tostring(value) end
  return type(value) == "string" and value ~= "" and value or nil
end

--- One page of users. What says that there is no more is documented nowhere: no cursor, an empty one, the one that
-- was sent, or a page without users all do.
-- @tparam {table,...} records as the platform gives them
-- @tparam function user_of makes a user of one, or nil
-- @param following the cursor that the answer names
-- @param cursor the one that was sent
-- @treturn table|nil `{ users = { ... }, next = cursor | nil }`
-- @treturn integer which record is no user
function M.page(records, user_of, following, cursor)
  local users = {}
  for i, record in ipairs(records) do
    users[i] = user_of(record)
    if not users[i] then return nil, i end
  end
  following = M.text(following)
  if following == cursor or #users == 0 then following = nil end
  return { users = users, next = following }
end

return M
