--- The times of tags: what a plan changes in them without a word to the platform, and which tags on
-- users are past their time. Sends nothing; knows no clock but the moment it is given.
local rows = require("tagua.ledger.rows")
local schema = require("tagua.ledger.schema")
local store = require("tagua.ledger.store")

local M = {}

local TIMING = "insert or replace into timing (run, user, tag, what, lasts, ends) values (?, ?, ?, ?, ?, ?)"

-- The methods of a run that have to do with times; tagua.ledger.run has the others.
local Times = {}
M.methods = Times

--- Adds a change of a time to a plan.
-- @tparam table change `user`, `tag` (its id), `what`: `time` (it gets `lasts` and `ends`), `renew`
--   (likewise, and counts from the run's moment), `off` (the rule was off: an expired tag may come back)
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function Times:time(change)
  self.times = self.times or {}
  return rows.keep(self, self.times, change, self.write_times)
end

-- Writes the changes that were added; a tag that the ledger does not know has no time.
function Times:write_times()
  local times, registry = self.times or {}, self.connection.registry
  self.times = nil
  return rows.write(self, times, TIMING, function(change)
    local tag = registry:known_number(change.tag)
    if tag then
      return change.user, tag, change.what, change.lasts, change.ends
    end
  end)
end

local KEEP = [[
  update holding set lasts = n.lasts, ends = n.ends, renewed = case n.what when 'renew' then ?2 else renewed end
    from timing n
    where n.run = ?1 and n.what <> 'off' and holding.connection = ?3 and holding.user = n.user
      and holding.tag = n.tag and holding.present = 1 and holding.ours = 1]]
local OFF = [[
  update holding set expired = 0
    from timing n
    where n.run = ?1 and n.what = 'off' and holding.connection = ?2 and holding.user = n.user
      and holding.tag = n.tag and holding.present = 0]]

--- Makes the changes of times that the plan wants, which accepts it. Before it is sent.
-- @treturn integer|nil how many
-- @treturn string message
-- @treturn string code
function Times:keep_times()
  return self.db:transact(function()
    store.must(self:accept()) -- only what is Tagua's has a time
    local connection = self.connection.number
    local at = self.db:row("select coalesce(at, created) from run where number = ?", self.number)
    local changed = self.db:run(KEEP, self.number, at, connection) + self.db:run(OFF, self.number, connection)
    self.db:run("delete from timing where run = ?", self.number)
    return changed
  end)
end

local DUE = " from holding h indexed by holding_timed join tag t on t.number = h.tag "
  .. "where h.connection = ?1 and h.present = 1 and h.ours = 1 and (h.lasts is not null or h.ends is not null) "
  .. "and h.doubt = 0 and t.id is not null and t.state = 'known' and "
  .. schema.due
  .. " <= ?2 and not exists "
  .. "(select 1 from user u where u.connection = h.connection and u.id = h.user and u.blocked = 1)"

--- Adds to a plan that every tag which is past its time comes off.
-- @tparam integer at seconds since the epoch
-- @treturn integer|nil how many operations that are
-- @treturn string message
-- @treturn string code
function Times:add_due(at)
  local added, message, code = self.db:transact(function()
    return self.db:run(
      "insert into operation (run, seq, user, tag, action, before) "
        .. "select ?3, ?4 + row_number() over (order by h.tag, h.user), h.user, h.tag, 'untag', "
        .. "coalesce(h.timestamp, 1)"
        .. DUE,
      self.connection.number,
      at,
      self.number,
      self.planned
    )
  end)
  if not added then
    return nil, message, code
  end
  self.planned = self.planned + added
  return added
end

--- The tags on users that are past their time, those of users who blocked the bot left out.
-- @tparam table db the store
-- @tparam table connection
-- @tparam integer at seconds since the epoch
-- @tparam integer limit how many to name
-- @treturn {table,...} `{ user, tag (its id), name }`
-- @treturn integer how many there are
function M.due(db, connection, at, limit)
  local found = {}
  for user, tag, name in
    db:rows("select h.user, t.id, t.name" .. DUE .. " order by h.tag, h.user limit ?3", connection.number, at, limit)
  do
    found[#found + 1] = { user = user, tag = tag, name = name }
  end
  return found, #found < limit and #found or db:row("select count(*)" .. DUE, connection.number, at)
end

return M
