--- Changes whose a tag is, when a person says so, and tells what people changed since the last apply.
local store = require("tagua.ledger.store")

local M = {}

local LISTED = 1000

local function number_of(connection, tag)
  local number = connection.registry:known_number(tag)
  if not number then
    store.fail("ENOTFOUND", "the ledger knows no tag '%s' of connection '%s'", tag, connection.name)
  end
  return number
end

--- Gives one tag of one user back to the rules: what they want of it counts again.
-- @treturn integer 1 where the console had it, else 0
function M.release(db, connection, user, tag)
  local number = number_of(connection, tag)
  return db:run(
    "update holding set ours = 1, found = 0, decision = null "
      .. "where connection = ? and user = ? and tag = ? and ours = 0",
    connection.number,
    user,
    number
  )
end

--- Makes a tag Tagua's own on everybody who has it.
-- @treturn integer how many
function M.adopt(db, connection, tag)
  local number = number_of(connection, tag)
  return db:run(
    "update holding set ours = 1, found = 0, decision = null "
      .. "where connection = ? and tag = ? and ours = 0 and present = 1",
    connection.number,
    number
  )
end

-- What people did with tags that Tagua has ever touched, and that no apply has looked at.
local DRIFT = [[
  from holding h join tag t on t.number = h.tag
  where h.connection = ? and h.ours = 0 and h.found = 0 and h.decision is null and h.doubt = 0
    and h.tag in (select distinct o.tag from operation o join run r on r.number = o.run where r.connection = ?)]]

--- What people changed in the console since the last apply looked.
-- @treturn table `put_on`, `taken_off` and `changes` (1,000 at most): `{ user, tag, tag_id, done }`
function M.drift(db, connection)
  local put_on, taken_off = db:row(
    "select coalesce(sum(h.present), 0), coalesce(sum(1 - h.present), 0)" .. DRIFT,
    connection.number,
    connection.number
  )
  local changes = {}
  for user, tag, id, present in
    db:rows(
      "select h.user, t.name, t.id, h.present" .. DRIFT .. (" order by t.name, h.user limit %d"):format(LISTED),
      connection.number,
      connection.number
    )
  do
    changes[#changes + 1] =
      { user = user, tag = tag, tag_id = id, done = present == 1 and "put on" or "taken off" }
  end
  return { put_on = put_on, taken_off = taken_off, changes = changes }
end

return M
