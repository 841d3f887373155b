--- What the mirror holds of a user, put into a record beside what events tell.
-- @module tagua.events.mirrored
local json = require("tagua.json")

local M = {}

local COLUMNS = { "name", "ext_id", "phone", "email", "gender", "birthday", "created", "last_active" }
local OWN = ("select id, %s from user where connection = ? and id = ?"):format(table.concat(COLUMNS, ", "))
-- What a param is as JSON, its digits as they stand.
local PARAMS = [[
  select e.key, case e.type when 'true' then 'true' when 'false' then 'false' else json_quote(e.value) end
  from user u, json_each(coalesce(u.flat, u.params)) e
  where u.connection = ? and u.id = ? and e.type in ('true', 'false', 'integer', 'real', 'text')]]

--- Fills records where events say nothing about a field.
-- @tparam table db the ledger's store
-- @tparam integer connection
-- @tparam {table,...} fields of the ruleset
-- @treturn function (user, told) as `tagua.events.follow` takes it
function M.filler(db, connection, fields)
  local by_source = {}
  for _, field in ipairs(fields) do
    if not field.aggregate and field.type ~= "tagset" then
      by_source[field.source] = by_source[field.source] or {}
      table.insert(by_source[field.source], field.name)
    end
  end
  return function(user, told)
    local function put(source, text)
      for _, name in ipairs(by_source[source] or {}) do
        told[name] = told[name] or { text = text }
      end
    end
    local row = table.pack(db:row(OWN, connection, user))
    for i, name in ipairs(COLUMNS) do
      if row[i + 1] ~= nil then
        put(name, assert(json.encode(row[i + 1])))
      end
    end
    for name, text in db:rows(PARAMS, connection, user) do
      put(name, text)
    end
  end
end

return M
