--- What the inbox gives back: events in order of arrival or of one user, bodies, wishes, the highest numbers. The
-- reading methods of `tagua.events.inbox`, which makes the file and writes it.
-- @module tagua.events.inbox_read
local event = require("tagua.events.event")
local store = require("tagua.ledger.store")

local Reading = {}

-- The number of a connection, which stays; nil while nothing came for it.
function Reading:number_of(name)
  local number = self.numbers[name] or self.store:row("select number from connection where name = ?", name)
  self.numbers[name] = number
  return number
end

-- The rows of a statement that is prepared once. They have to be taken to the last one.
local function each(db, text, ...)
  return store.must(db:prepare(text)):rows(...)
end

local function rows_of(self, connection, text, make, ...)
  local db = self.store
  local arguments = table.pack(...)
  return store.try(function()
    local number, found = self:number_of(connection), {}
    if not number then
      return found
    end
    for first, b, c, d, e, f, g, h in each(db, text, number, table.unpack(arguments, 1, arguments.n)) do
      found[#found + 1] = make(connection, first, b, c, d, e, f, g, h)
    end
    return found
  end)
end

local EVENT = "select number, received, source, user, type, at, id, fields from event where connection = ?1 and "

local function as_event(connection, number, received, source, user, kind, at, id, text)
  return {
    connection = connection,
    number = number,
    received = received,
    source = source,
    user = user,
    type = kind,
    at = at,
    id = id,
    fields = event.fields(text),
  }
end

--- The events of a connection, in order of arrival.
-- @tparam string connection
-- @tparam integer after a number; 0 for all
-- @tparam integer limit
-- @treturn {table,...}|nil as they were taken, with `number` and `received`
-- @treturn string message
-- @treturn string code
function Reading:events(connection, after, limit)
  return rows_of(self, connection, EVENT .. "number > ?2 order by number limit ?3", as_event, after, limit)
end

--- The events of one user, the oldest first.
-- @tparam string connection
-- @tparam string user
-- @tparam[opt=0] integer after milliseconds; those that happened later
-- @tparam[opt=10000] integer limit
-- @treturn {table,...}|nil
-- @treturn string message
-- @treturn string code
function Reading:history(connection, user, after, limit)
  local text = EVENT .. "user = ?2 and at > ?3 order by at, number limit ?4"
  return rows_of(self, connection, text, as_event, user, after or -1, limit or 10000)
end

--- All events of a connection, one user's after another's, each user's oldest first. The file may not change
-- meanwhile.
-- @tparam string connection
-- @treturn function an iterator over events; raises where the file can't be read
function Reading:by_user(connection)
  local rows, state, control = self.store:rows(
    "select number, received, source, user, type, at, id, fields from event indexed by event_by_user "
      .. "where connection = ? order by user, type, at, number",
    self:number_of(connection) or 0
  )
  return function()
    local number, received, source, user, kind, at, id, fields = rows(state, control)
    return number and as_event(connection, number, received, source, user, kind, at, id, fields) or nil
  end
end

--- The types of which there are events of a user.
-- @treturn {string,...}|nil
-- @treturn string message
-- @treturn string code
function Reading:types(connection, user)
  local db = self.store
  return store.try(function()
    local number, found, kind = self:number_of(connection), {}, ""
    while number do
      local text = "select 1, min(type) from event where connection = ? and user = ? and type > ?"
      local _, following = db:row(text, number, user, kind) -- a step along the index for each
      if not following then
        break
      end
      found[#found + 1], kind = following, following
    end
    return found
  end)
end

local SPANNED = 64 -- events of one look

--- The next events of one type of a user, the oldest first.
-- @tparam string connection
-- @tparam string user
-- @tparam string kind their type
-- @tparam integer at from this moment on, ...
-- @tparam integer number ... and at this moment behind this number
-- @tparam integer upto no event with a higher number
-- @treturn table|nil a flat array: at, number and fields (JSON) of each; empty at the end
-- @treturn string message
-- @treturn string code
function Reading:span(connection, user, kind, at, number, upto)
  local db = self.store
  return store.try(function()
    local found = {}
    for happened, event_number, fields in
      each(
        db,
        "select at, number, fields from event where connection = ?1 and user = ?2 and type = ?3 and at >= ?4 "
          .. "and (at > ?4 or number > ?5) and number <= ?6 order by at, number limit ?7",
        self:number_of(connection) or 0,
        user,
        kind,
        at,
        number,
        upto,
        SPANNED
      )
    do
      local n = #found
      found[n + 1], found[n + 2], found[n + 3] = happened, event_number, fields
    end
    return found
  end)
end

--- The raw bodies of a connection that no `parsed` has settled, in order of arrival.
-- @treturn {table,...}|nil `{ number, connection, hook, id, body, at }`
function Reading:raws(connection, after, limit)
  return rows_of(
    self,
    connection,
    "select number, hook, id, body, at from raw where connection = ?1 and number > ?2 order by number limit ?3",
    function(name, number, hook, id, body, at)
      return { connection = name, number = number, hook = hook, id = id, body = body, at = at }
    end,
    after,
    limit
  )
end

--- The wishes of a connection, in order of arrival.
-- @treturn {table,...}|nil `{ number, connection, action, user, tag, lasts, ends, client, at }`
function Reading:wishes(connection, after, limit)
  return rows_of(
    self,
    connection,
    "select number, action, user, tag, lasts, ends, client, at from wish "
      .. "where connection = ?1 and number > ?2 order by number limit ?3",
    function(name, number, action, user, tag, lasts, ends, client, at)
      return {
        connection = name,
        number = number,
        action = action,
        user = user,
        tag = tag,
        lasts = lasts,
        ends = ends,
        client = client,
        at = at,
      }
    end,
    after,
    limit
  )
end

--- The highest numbers that were given.
-- @treturn table|nil `{ [connection] = { events, raws, unparsed, wishes, asked, forgotten } }`; `unparsed`: how many
--   raw bodies wait to become events, `asked`: how many wishes wait to become operations; `forgotten`: events before
--   this moment may be gone, nil where none is
-- @treturn string message
-- @treturn string code
function Reading:last()
  return store.try(function()
    local found = {}
    for name, events, raws, unparsed, wishes, asked, forgotten in
      self.store:rows(
        "select name, events, raws, coalesce(raws - (select min(number) from raw where connection = c.number) + 1, 0), "
          .. "wishes, coalesce(wishes - (select min(number) from wish where connection = c.number) + 1, 0), forgotten "
          .. "from connection c"
      )
    do
      found[name] =
        { events = events, raws = raws, unparsed = unparsed, wishes = wishes, asked = asked, forgotten = forgotten }
    end
    return found
  end)
end

return Reading
