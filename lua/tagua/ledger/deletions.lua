--- Deletions of tags and folders as operations of a run: they are of everybody, so their user is empty.
-- What a deletion does to the mirror is done when the journal is folded.
local store = require("tagua.ledger.store")

local M = {}

-- The methods of a run; tagua.ledger.run has the others.
local Deletions = {}
M.methods = Deletions

--- Adds the deletion of a tag or a folder that the platform has.
-- @tparam string id
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function Deletions:add_deletion(id)
  if self.kind ~= "delete" or self.state ~= "planning" then
    error("only a run of the kind 'delete' that is being planned takes deletions", 2)
  end
  if not self.connection.registry:known_number(id) then
    return self:spoil(("the ledger knows no tag '%s'"):format(store.cap(id, 60)), "ENOTFOUND")
  end
  self.planned = self.planned + 1
  self.added[#self.added + 1] = { user = "", tag = id, action = "delete" }
  return true
end

-- Whoever had the tag has it no more, and the run is why; that somebody once lost it says nothing now.
local TAGS = "(select tag from operation where run = ?1 and seq between ?2 and ?3)"
local FORGET = "delete from holding where connection = ?4 and present = 0 and tag in " .. TAGS
local TAKE_OFF = "update holding set present = 0, ours = 1, found = 0, decision = null, doubt = 0, run = ?1, "
  .. "since = ?5, timestamp = null, lasts = null, renewed = null, ends = null, entry = ?6 "
  .. "where connection = ?4 and tag in " .. TAGS
local DELETE = "update tag set state = 'deleted', at = ?4 where number in " .. TAGS

--- What the outcome of some deletions makes of the mirror; inside the fold's transaction.
-- @tparam table db the store
-- @tparam table stretch `run`, `first`, `last`, `entry`
-- @tparam integer connection its number
function M.fold(db, stretch, connection)
  local entry = stretch.entry
  if entry.outcome == "done" or entry.outcome == "unattributed" then
    db:run(FORGET, stretch.run, stretch.first, stretch.last, connection)
    db:run(TAKE_OFF, stretch.run, stretch.first, stretch.last, connection, entry.at, entry.id)
    db:run(DELETE, stretch.run, stretch.first, stretch.last, entry.at)
  end
end

--- In a condition on the view `operations`: those that a user's tags went with, the user as ?1.
M.of_user = "(user = ?1 or (run, tag_id) in (select h.run, t.id from holding h join tag t on t.number = h.tag "
  .. "join run n on n.number = h.run where h.connection in (select number from connection) and h.user = ?1 "
  .. "and h.present = 0 and n.kind = 'delete')) and user in (?1, '')"

return M
