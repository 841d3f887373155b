--- A planned run as entries that can leave the ledger and come back to it: what `tagua plan --out`
-- writes and `tagua apply` of such a file reads. Changes nothing but the run that is being planned.
local core = require("tagua.core")
local store = require("tagua.ledger.store")

local M = {}

local LINES_AT_ONCE = 1000 -- handed to the digest

-- The methods of a run; tagua.ledger.run has the others.
local Approved = {}
M.methods = Approved

local OPERATIONS = [[
  select o.seq, o.user, o.action, t.id, t.name, r.name, r.line, o.input_line, o.before, o.lasts, o.ends
  from operation o join tag t on t.number = o.tag left join rule r on r.number = o.rule
  where o.run = ? order by o.seq]]
local RECORDS = [[
  select f.line, r.name, r.line, f.fields from record f join rule r on r.number = f.rule
  where f.run = ? order by f.line, f.rule]]
local TIMES = [[
  select n.user, t.id, n.what, n.lasts, n.ends from timing n join tag t on t.number = n.tag
  where n.run = ? and t.id is not null]]
local NOTES = [[
  select n.user, t.id, n.decision from note n join tag t on t.number = n.tag
  where n.run = ? and t.id is not null]]

--- Hands every entry of a planned run on, the operations in their order.
-- @tparam function put called with each; what it returns besides true ends the export
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function Approved:export(put)
  return store.try(function()
    local db, number = self.db, self.number
    for line, rule, rule_line, fields in db:rows(RECORDS, number) do
      store.must(put({ record = line, rule = rule, line = rule_line,
        values = store.must(require("tagua.json").decode(fields)) }))
    end
    for _, user, action, id, name, rule, line, record, before, lasts, ends in db:rows(OPERATIONS, number) do
      store.must(put({
        op = action,
        user = user,
        tag = name,
        id = id,
        rule = rule,
        line = line,
        record = record,
        before = before,
        lasts = lasts,
        ends = ends,
      }))
    end
    for user, id, what, lasts, ends in db:rows(TIMES, number) do
      store.must(put({ time = what, user = user, id = id, lasts = lasts, ends = ends }))
    end
    for user, id, decision in db:rows(NOTES, number) do
      store.must(put({ note = decision, user = user, id = id }))
    end
    return true
  end)
end

local IMAGE = [[
  select 1, case when h.tag is null then 0 when h.doubt <> 0 then null
      when h.present = 0 then 0 else coalesce(h.timestamp, 1) end
  from (select 1) left join holding h on h.connection = ? and h.user = ? and h.tag = ?]]

--- What the mirror shows of a user and a tag now, as an operation's `before` tells it.
-- @tparam table db the store
-- @tparam table connection
-- @tparam string user
-- @tparam ?string tag its id; without one it has yet to be created
-- @treturn ?integer 0: absent, 1: present, more: the platform's timestamp; nil: not known
function M.image(db, connection, user, tag)
  local number = tag and connection.registry:known_number(tag)
  if not number then
    return 0
  end
  local _, before = db:row(IMAGE, connection.number, user, number)
  return before
end

--- Which run carried an approved plan out to its end.
-- @tparam table db the store
-- @tparam table connection
-- @tparam string plan the plan's own number
-- @treturn ?integer the run
function M.carried_out(db, connection, plan)
  return db:row(
    "select number from run where connection = ? and approved = ? and state = 'done'",
    connection.number,
    plan
  )
end

--- The SHA-256 over who has which tag.
-- @tparam table db the store
-- @tparam table connection
-- @treturn string hexadecimal
function M.fingerprint(db, connection)
  local digest, lines = core.digest.sha256(), {}
  for user, tag in
    db:rows(
      "select h.user, t.id from holding h join tag t on t.number = h.tag "
        .. "where h.connection = ? and h.present = 1 and t.id is not null order by h.user, h.tag",
      connection.number
    )
  do
    lines[#lines + 1] = user .. "\0" .. tag .. "\n"
    if #lines == LINES_AT_ONCE then
      digest:add(table.concat(lines))
      lines = {}
    end
  end
  digest:add(table.concat(lines))
  return digest:finish()
end

return M
