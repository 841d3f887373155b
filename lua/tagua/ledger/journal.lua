--- The journal: what a run appends while it sends, and the fold that moves it into the operations
-- and the mirror, in bulk. Each chunk of a fold is one transaction: an entry is either in the journal
-- or folded, never both and never neither.
local deletions = require("tagua.ledger.deletions")

local M = {}

local CHUNK_ENTRIES, CHUNK_OPERATIONS = 5000, 20000

-- What an outcome makes of the mirror when the effect is known...
local KNOWN = [[
  insert into holding (connection, user, tag, present, ours, doubt, since, run, generation, entry, lasts, ends, expired)
    select ?1, user, tag, %s, %s, 0, ?2, %s, ?3, ?4, lasts, ends,
      action = 'untag' and (select kind = 'expire' from run where number = ?5) from operation
    where run = ?5 and seq between ?6 and ?7 order by user
  on conflict (connection, user, tag) do update set present = excluded.present, ours = excluded.ours, doubt = 0,
    found = 0, decision = null, run = excluded.run, timestamp = null, since = excluded.since,
    generation = excluded.generation, entry = excluded.entry,
    lasts = excluded.lasts, renewed = null, ends = excluded.ends, expired = excluded.expired]]
-- ... and when it is not: what was there stays, with the doubt beside it.
local DOUBTED = [[
  insert into holding (connection, user, tag, present, ours, doubt, since, generation, entry)
    select ?1, user, tag, 0, 1, %d, ?2, ?3, ?4 from operation
    where run = ?5 and seq between ?6 and ?7 order by user
  on conflict (connection, user, tag) do update set ours = case present when 0 then 1 else ours end,
    doubt = excluded.doubt, generation = excluded.generation, entry = excluded.entry]]
-- Without effect: a doubt from when it was being sent is over.
local NOTHING = [[
  update holding set doubt = 0 where connection = ? and doubt <> 0
    and (user, tag) in (select user, tag from operation where run = ? and seq between ? and ?)]]
local DID_IT = KNOWN:format("action = 'tag'", "1", "?5")
local MIRRORED = {
  done = DID_IT,
  -- Somebody else may have done it; that it is so now is known all the same.
  unattributed = KNOWN:format("action = 'tag'", "1", "null"),
  -- Somebody put the tag on again.
  stands = KNOWN:format("1", "0", "null"),
  ambiguous = DOUBTED:format(1),
  sending = DOUBTED:format(2),
}

-- The last word on each operation of the chunk, as stretches of operations with the same entry.
local function stretches(latest)
  local found = {}
  for run, by_seq in pairs(latest) do
    local seqs = {}
    for seq in pairs(by_seq) do
      seqs[#seqs + 1] = seq
    end
    table.sort(seqs)
    local stretch
    for _, seq in ipairs(seqs) do
      local entry = by_seq[seq]
      if stretch and stretch.entry == entry and stretch.last == seq - 1 then
        stretch.last = seq
      else
        stretch = { run = run, entry = entry, first = seq, last = seq }
        found[#found + 1] = stretch
      end
    end
  end
  table.sort(found, function(a, b)
    if a.entry.id ~= b.entry.id then
      return a.entry.id < b.entry.id
    end
    return a.first < b.first
  end)
  return found
end

local function apply(db, stretch, connection)
  local entry = stretch.entry
  local outcome = entry.outcome ~= "returned" and entry.outcome or nil
  db:run(
    "update operation set outcome = ?, code = ?, message = ?, at = ? where run = ? and seq between ? and ?",
    outcome,
    outcome and entry.code,
    outcome and entry.message,
    entry.at,
    stretch.run,
    stretch.first,
    stretch.last
  )
  local number, run, first, last = connection.number, stretch.run, stretch.first, stretch.last
  if connection.kind == "delete" then
    deletions.fold(db, stretch, number)
  elseif MIRRORED[outcome] then
    db:run(MIRRORED[outcome], number, entry.at, connection.generation, entry.id, run, first, last)
  else
    db:run(NOTHING, number, run, first, last)
  end
end

--- Folds the oldest entries, inside the caller's transaction.
-- @tparam table db the store
-- @treturn boolean whether there was anything to fold
function M.fold_chunk(db)
  local latest, last_id, operations = {}, nil, 0
  for id, run, first, last, outcome, code, message, at in
    db:rows("select id, run, first, last, outcome, code, message, at from journal order by id limit ?", CHUNK_ENTRIES)
  do
    local entry = { id = id, outcome = outcome, code = code, message = message, at = at }
    local by_seq = latest[run] or {}
    latest[run] = by_seq
    for seq = first, last do
      by_seq[seq] = entry
    end
    last_id, operations = id, operations + last - first + 1
    if operations >= CHUNK_OPERATIONS then
      break
    end
  end
  if not last_id then
    return false
  end
  local connections = {}
  for run in pairs(latest) do
    local number, generation, kind = db:row(
      "select c.number, c.generation, r.kind from run r join connection c on c.number = r.connection "
        .. "where r.number = ?",
      run
    )
    connections[run] = number and { number = number, generation = generation, kind = kind }
  end
  for _, stretch in ipairs(stretches(latest)) do
    if connections[stretch.run] then
      apply(db, stretch, connections[stretch.run])
    end
  end
  db:run("delete from journal where id <= ?", last_id)
  return true
end

--- Whether there is anything to fold.
function M.waiting(db)
  return db:row("select 1 from journal limit 1") ~= nil
end

--- Folds all there is, in transactions of about 20,000 operations, so that a sender need not wait.
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function M.fold(db)
  while true do
    local more, message, code = db:transact(function()
      return M.fold_chunk(db)
    end)
    if message then
      return nil, message, code
    end
    if not more then
      return true
    end
  end
end

--- The last id that the journal ever gave.
function M.last_id(db)
  return db:row("select seq from sqlite_sequence where name = 'journal'") or 0
end

return M
