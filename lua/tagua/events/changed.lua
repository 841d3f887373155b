--- The users of whom something moved: noted by whoever folds events, taken by whoever decides, in the order in
-- which they came; none is lost where something moves again while the decision is carried out. Tables alone.
-- @module tagua.events.changed
local store = require("tagua.ledger.store")

local M = {}

local ALL = "*"

-- Two lists of numbers as one.
local function union(a, b)
  if not a then return b end
  if a == ALL or b == ALL then return ALL end
  local found, list = {}, {}
  for number in (a .. "," .. b):gmatch("%d+") do
    found[math.tointeger(number)] = true
  end
  for number in pairs(found) do
    list[#list + 1] = number
  end
  table.sort(list)
  return table.concat(list, ",")
end

--- Notes that something moved. Inside a transaction.
-- @tparam table db the ledger's store
-- @tparam integer connection
-- @tparam {[string]=string} moved by user: numbers with commas between, or `*`
-- @tparam {[string]=integer}|integer event the event that did it, by user, or of all
-- @tparam integer now milliseconds
function M.note(db, connection, moved, event, now)
  local users = {}
  for user in pairs(moved) do
    users[#users + 1] = user
  end
  if #users == 0 then return end
  local found = {}
  local rows = store.must(db:prepare("select moved, run, again, again_event, again_since from changed "
    .. "where connection = ? and user = ?"):many(users, connection))
  for i = 1, #rows, 6 do
    found[users[rows[i]]] = { moved = rows[i + 1], run = rows[i + 2], again = rows[i + 3] or nil,
      event = rows[i + 4] or nil, since = rows[i + 5] or nil }
  end
  for _, user in ipairs(users) do
    local entry, number = found[user], type(event) == "table" and event[user] or event
    if not entry then
      db:run("insert into changed (connection, user, event, since, moved, turn) values (?, ?, ?, ?, ?, 1)", connection,
        user, number, now, moved[user])
    elseif not entry.run then
      db:run("update changed set moved = ?, turn = turn + 1 where connection = ? and user = ?",
        union(entry.moved, moved[user]), connection, user)
    else
      db:run("update changed set again = ?, again_event = ?, again_since = ?, turn = turn + 1 "
        .. "where connection = ? and user = ?", union(entry.again, moved[user]), entry.event or number,
        entry.since or now, connection, user)
    end
  end
end

--- Those who wait to be decided, the oldest event first.
-- @treturn {table,...} { user, moved, since, turn, event }
function M.waiting(db, connection, limit)
  local found = {}
  for user, moved, since, turn, event in
    db:rows("select user, moved, since, turn, event from changed where connection = ? and run is null "
      .. "order by event limit ?", connection, limit)
  do
    found[#found + 1] = { user = user, moved = moved, since = since, turn = turn, event = event }
  end
  return found
end

--- A decision about a user is made: a run carries it out, or there was nothing to do. What moved after `turn` was
-- looked at has yet to be decided.
-- @tparam ?integer run
-- @tparam integer turn
function M.decided(db, connection, user, run, turn)
  local now_turn = db:row("select turn from changed where connection = ? and user = ?", connection, user)
  if now_turn == nil then return end
  if now_turn ~= turn then
    if run then
      db:run("update changed set run = ?, again = moved, again_event = event, again_since = since "
        .. "where connection = ? and user = ? and run is null", run, connection, user)
    end
  elseif run then
    db:run("update changed set run = ? where connection = ? and user = ? and run is null", run, connection, user)
  else
    db:run("delete from changed where connection = ? and user = ? and run is null", connection, user)
  end
end

--- A run is over: who moved again since waits again, and, where it did not finish, everybody does.
-- @tparam integer connection
-- @tparam integer run
-- @tparam boolean finished
function M.over(db, connection, run, finished)
  if finished then
    db:run("delete from changed where connection = ? and run = ? and again is null", connection, run)
    db:run("update changed set run = null, moved = again, event = again_event, since = again_since, again = null, "
      .. "again_event = null, again_since = null where connection = ? and run = ?", connection, run)
  else
    db:run("update changed set run = null, moved = case when again is null then moved else '*' end, again = null, "
      .. "again_event = null, again_since = null where connection = ? and run = ?", connection, run)
  end
end

--- How many wait, and since when the first of them does.
-- @treturn integer
-- @treturn ?integer milliseconds
function M.queue(db, connection)
  local count, since = db:row("select count(*), min(since) from changed where connection = ?", connection)
  return count, since
end

return M
