--- The registry of what a ruleset wants to know of the events of one connection: finds again what earlier
-- rules wanted too, so that nothing of it has to be folded anew, and forgets what nobody wants any more.
-- @module tagua.events.told
local aggregates = require("tagua.events.aggregates")
local json = require("tagua.json")

local M = {}

--- How long what no rule asks for any more is kept and folded on, in milliseconds, where it can't be had from
-- the events again: whoever takes a change of the rules back loses nothing.
M.GRACE = 7 * 86400 * 1000

local function wanted_of(fields)
  local wanted, order = {}, {}
  local function want(key, field, more)
    local one = wanted[key]
    if not one then
      one = { key = key, field = field.name, names = {}, aggregate = more.aggregate, source = more.source }
      wanted[key] = one
      order[#order + 1] = one
    end
    one.names[#one.names + 1] = field.name
  end
  local computed, plain = aggregates.of(fields)
  for _, one in ipairs(computed) do
    want("aggregate " .. aggregates.key(one.aggregate), one.field, { aggregate = one.aggregate })
  end
  for _, field in ipairs(plain) do
    want("field " .. field.source, field, { source = field.source })
  end
  return wanted, order
end

-- What stands in the registry of something that no rule asks for any more: kept for a while where it has no window.
local function unwanted(key, declared)
  local one = assert(json.decode(declared))
  return { key = key, names = {}, aggregate = one.aggregate, source = one.source }
end

local function forget(db, connection, number)
  db:run("delete from tally where connection = ? and told = ?", connection, number)
  db:run("delete from known where connection = ? and told = ?", connection, number)
  db:run("delete from told where number = ?", number)
end

-- What stands there already: puts numbers and cursors into what is wanted, and drops what is not.
local function match(db, connection, wanted, order, now)
  local rows = {}
  for number, key, upto, since, declared, dropped in
    db:rows("select number, key, event, since, declared, dropped from told where connection = ?", connection)
  do
    rows[#rows + 1] =
      { number = number, key = key, event = upto, since = since, declared = declared, dropped = dropped }
  end
  for _, row in ipairs(rows) do
    local one = wanted[row.key]
    if one and row.dropped then
      db:run("update told set dropped = null where number = ?", row.number)
    elseif not one then
      one = unwanted(row.key, row.declared)
      local dropped = row.dropped or now
      if one.aggregate and one.aggregate.within or dropped < now - M.GRACE then
        forget(db, connection, row.number)
        one = nil
      else
        db:run("update told set dropped = ? where number = ?", dropped, row.number)
        order[#order + 1] = one
      end
    end
    if one then
      one.number, one.event, one.since = row.number, row.event, row.since
    end
  end
end

local function insert(db, connection, one, forgotten)
  one.event, one.since = 0, forgotten
  one.number = db:row(
    "insert into told (connection, key, field, declared, event, since) values (?, ?, ?, ?, 0, ?) returning number",
    connection,
    one.key,
    one.field,
    assert(json.encode({ aggregate = one.aggregate, source = one.source })),
    forgotten
  )
end

--- Brings the registry up to a ruleset. Inside a transaction.
-- @tparam table db the ledger's store
-- @tparam integer connection
-- @tparam {table,...} fields of the ruleset
-- @tparam ?integer forgotten events before this moment (milliseconds) are gone from the inbox
-- @tparam integer now milliseconds
-- @treturn table `list`: { number, key, field, names (none where no rule asks for it any more), aggregate or source,
--   event, since }; `by_number`; `by_type`: for each type of event and `*` the aggregates about it; `plain`: the
--   plain fields
function M.register(db, connection, fields, forgotten, now)
  local wanted, order = wanted_of(fields)
  match(db, connection, wanted, order, now)
  local found = { list = order, by_number = {}, by_type = {}, plain = {} }
  for _, one in ipairs(order) do
    if not one.number then insert(db, connection, one, forgotten) end
    found.by_number[one.number] = one
    if one.aggregate then
      local kind = one.aggregate.event
      found.by_type[kind] = found.by_type[kind] or {}
      table.insert(found.by_type[kind], one)
    else
      found.plain[#found.plain + 1] = one
    end
  end
  return found
end

--- What a ruleset wants to know, as far as it is kept. Changes nothing.
-- @tparam table db the ledger's store
-- @tparam integer connection
-- @tparam {table,...} fields of the ruleset
-- @treturn table `list`, `by_number` as `register` gives them
-- @treturn {string,...} the fields that ask for what is not kept
function M.look(db, connection, fields)
  local wanted, order = wanted_of(fields)
  local found, missing = { list = {}, by_number = {} }, {}
  local text = "select number, key, event, since from told where connection = ?"
  for number, key, upto, since in db:rows(text, connection) do
    local one = wanted[key]
    if one then
      one.number, one.event, one.since = number, upto, since
      found.by_number[number] = one
    end
  end
  for _, one in ipairs(order) do
    if one.number then
      found.list[#found.list + 1] = one
    elseif one.aggregate then
      table.move(one.names, 1, #one.names, #missing + 1, missing)
    end
  end
  return found, missing
end

--- Those into which not all events were folded that were folded at all.
-- @tparam table found as `register` gives it
-- @tparam integer event the last event that was folded
-- @treturn {table,...}
function M.behind(found, event)
  local behind = {}
  for _, one in ipairs(found.list) do
    if one.event < event then behind[#behind + 1] = one end
  end
  return behind
end

--- The longest window that is named, in milliseconds; 0 where none is.
-- @tparam table found
-- @treturn integer
function M.longest(found)
  local longest = 0
  for _, one in ipairs(found.list) do
    longest = math.max(longest, one.aggregate and one.aggregate.within or 0)
  end
  return longest * 1000
end

return M
