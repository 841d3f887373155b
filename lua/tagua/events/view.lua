--- What `tagua serve` keeps of the events of a connection, for a plan over everybody: the records that its keeper would
-- decide on at a moment. Changes nothing.
-- @module tagua.events.view
local follow = require("tagua.events.follow")
local lines = require("tagua.events.lines")
local mirrored = require("tagua.events.mirrored")
local store = require("tagua.ledger.store")
local tallies = require("tagua.events.tallies")
local told = require("tagua.events.told")

local M = {}

local PIECE = 500 -- users at a time

local EVERYBODY = [[
  select id from user where connection = ?1 and id > ?2 union select user from follower
  where connection = ?1 and user > ?2 order by 1 limit ?3]]

local function users_after(db, connection, last)
  local users = {}
  for user in db:rows(EVERYBODY, connection, last, PIECE) do
    users[#users + 1] = user
  end
  return users
end

-- What the inbox holds of a user, as far as it was folded.
local function look(box, name)
  return function(user, upto)
    return {
      types = function()
        return box:types(name, user)
      end,
      span = function(kind, at, number)
        return box:span(name, user, kind, at, number, upto)
      end,
    }
  end
end

-- What is kept that the rules ask for, or why it can't be told.
local function find(book, box, fields)
  local db = book.ledger.store
  local inbox, event, clock = db:row("select inbox, event, clock from followed where connection = ?", book.number)
  if inbox ~= follow.numbers_of(box, book.name) then
    return nil, ("no event of '%s' was taken yet: tagua serve takes them, --users FILE reads them"):format(book.name),
      "EINPUT"
  end
  local found, missing = told.look(db, book.number, fields)
  if missing[1] then
    local text = "nobody keeps '%s' of the events of '%s': tagua serve keeps what its own rules ask for; start it with "
      .. "these rules, or give the events with --users FILE"
    return nil, text:format(missing[1], book.name), "EINPUT"
  elseif told.behind(found, event)[1] then
    local text = "events of '%s' are still being read for these rules: try again in a moment"
    return nil, text:format(book.name), "ELOCKED"
  end
  return found, clock
end

--- The records of everybody whom the mirror or events know.
-- @tparam table book the ledger's side of the connection
-- @tparam table box the inbox
-- @tparam {table,...} fields of the ruleset
-- @tparam integer now milliseconds
-- @tparam[opt="id"] string id the key that the user's id gets
-- @treturn function|nil an iterator over lines of JSON, each with its newline
-- @treturn string message
-- @treturn string code
function M.records(book, box, fields, now, id)
  local db = book.ledger.store
  local found, clock, code = store.try(find, book, box, fields)
  if not found then
    return nil, clock, code
  end
  now = math.max(now, clock)
  local write, fill = lines.writer(fields, id), mirrored.filler(db, book.number, fields)
  local users, taken, at, last = {}, nil, 0, ""
  return function()
    at = at + 1
    if not users[at] and last then
      users, at = users_after(db, book.number, last), 1
      last = users[#users]
      taken = tallies.load(db, book.number, found, users)
      taken:settle(look(box, book.name), now)
    end
    local user = users[at]
    if not user then
      return nil
    end
    local known = taken:read(user)
    fill(user, known)
    return write(user, known)
  end
end

return M
