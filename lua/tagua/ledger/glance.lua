--- A glance: what the platform shows of one user's tags, put into the mirror as a pull of that user alone would.
-- For those of whom nobody knows what became of an operation. Asks no platform.
local journal = require("tagua.ledger.journal")
local pull = require("tagua.ledger.pull")

local M = {}

local VANISHING = pull.vanishing(" where connection = ? and user = ? and tag = ? ")
-- What is under way is left alone, and what the journal changed since the reading began.
local SETTLED = "select tag from holding where connection = ? and user = ? and entry <= ? and doubt <> 2 "
  .. "and (present = 1 or doubt = 1)"
local GENERATION = "select generation from connection where number = ?"

--- The moment before a reading: what is done after it is newer than what the reading shows.
-- @tparam table ledger
-- @treturn integer|nil
-- @treturn string message
-- @treturn string code
function M.moment(ledger)
  local ok, message, code = journal.fold(ledger.store)
  if not ok then
    return nil, message, code
  end
  return journal.last_id(ledger.store)
end

--- Puts what was read of a user into the mirror.
-- @tparam table ledger
-- @tparam table connection
-- @tparam string user
-- @tparam {table,...} tags all that the user has, as `user_tags` gives them
-- @tparam integer entry the moment before the reading
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function M.take(ledger, connection, user, tags, entry)
  local db = ledger.store
  local ok, message, code = journal.fold(db)
  if not ok then
    return nil, message, code
  end
  ok, message, code = db:transact(function()
    local seen = { entry = entry, generation = db:row(GENERATION, connection.number) }
    local shown, vanished = {}, {}
    for _, tag in ipairs(tags) do
      local number = connection.registry:remember({ id = tag.id, name = tag.name })
      shown[number] = true
      pull.put_tag(db, connection, user, number, tag, seen)
    end
    for number in db:rows(SETTLED, connection.number, user, entry) do
      vanished[#vanished + 1] = not shown[number] and number or nil
    end
    for _, number in ipairs(vanished) do
      for _, what in ipairs({ "resolved", "taken_off", "gone" }) do
        db:run(VANISHING[what], connection.number, user, number)
      end
    end
    return true
  end)
  if not ok then
    connection.registry.numbers = {} -- what was numbered inside is undone
  end
  return ok, message, code
end

return M
