--- From users whose events moved to a run in the queue: their records, the rules' decisions, the difference to the
-- mirror. Decides a bounded piece of users at a time; what it writes is one transaction with the mark that they are
-- decided, so that nobody is lost and nobody is decided twice.
local input = require("tagua.input")
local collector = require("tagua.serve.keeper.collector")
local fitting = require("tagua.fitting")
local journal = require("tagua.ledger.journal")
local plan = require("tagua.plan")
local store = require("tagua.ledger.store")

local M = {}

local DOUBT_MS = 2000 -- so long after it a user is decided again on whom an operation was under way

--- What plans are made with, the records and the run aside.
-- @tparam table k the keeper
-- @tparam table pool
-- @tparam integer at seconds
-- @treturn table
function M.job(k, pool, at)
  return {
    ruleset = pool.ruleset,
    pool = pool,
    book = k.book,
    at = at,
    id_column = "id",
    conflicts = k.settings.conflicts,
    lacks = fitting.lacks(k.settings),
    live = true,
  }
end

--- An input of lines of JSON, made ready for the workers.
-- @treturn table|nil
-- @treturn string message
-- @treturn string code
function M.open_input(pool, lines, at)
  local opened, message, code = input.open({ lines = lines, name = "events", hash = false })
  if not opened then
    return nil, message, code
  end
  local ok
  ok, message, code = pool:input({ format = "jsonl", id = "id", at = at })
  if not ok then
    opened:close()
    return nil, message, code
  end
  return opened
end

-- What the rules did that somebody should know.
local function tell(k, made)
  local counts = k.counts
  counts.decided = counts.decided + made.records.read - made.records.rejected
  counts.rejected = counts.rejected + made.records.rejected
  for _, failure in ipairs(made.failures) do
    counts.failures[failure.rule] = (counts.failures[failure.rule] or 0) + 1
    k.log:seldom("warning", "rule_failed", ("rule '%s' failed for a user: %s"):format(failure.rule, failure.message), {
      user = failure.id,
      rule = failure.rule,
    })
  end
  for _, rejected in ipairs(made.rejected) do
    k.log:seldom("warning", "record_rejected", rejected.message, { column = rejected.column })
  end
end

-- Who has an operation under way: whether it works is not known yet, so the decision has to be taken again.
local function doubtful(k, made, users)
  local unsure = 0
  for _, tag in ipairs(made.tags) do
    unsure = unsure + tag.unsure
  end
  local found = {}
  for _, user in ipairs(unsure > 0 and users or {}) do
    local under_way = "select 1 from holding where connection = ? and user = ? and doubt = 2"
    if k.book.ledger.store:row(under_way, k.book.number, user) then
      found[#found + 1] = user
    end
  end
  return found
end

-- Puts what was collected into the queue -> the run's number; nil where there is nothing to send.
local function enqueue(k, collected, made, entry, at)
  local book = k.book
  local run = store.must(book:plan({
    kind = "event",
    rules = k.rules,
    rules_hash = k.pool.ruleset.hash,
    input = "events",
    at = at,
    entry = entry,
  }))
  store.must(collected:write(run))
  if made.operations == 0 then
    store.must(run:accept())
    store.must(run:keep_times())
    store.must(run:discard())
    return nil
  end
  store.must(run:keep_prices(k.settings.message_cost))
  store.must(run:enqueue(made.creations))
  store.must(run:keep_times())
  return run.number
end

-- Whoever came back and has operations in the run stays on the list until it is over; the others are settled.
local function mark(k, collected, users, doubt, now)
  local state, operates = k.state, {}
  for _, operation in ipairs(collected.operations) do
    operates[operation.user] = true
  end
  local came_back = state:any_again()
  for _, user in ipairs(came_back and users or {}) do
    if not operates[user] then
      state:decided(user)
    end
  end
  for _, user in ipairs(doubt) do
    state:again(user, now + DOUBT_MS, state:tries(user))
  end
end

--- Decides a piece of users.
-- @tparam table k the keeper
-- @tparam {string,...} users
-- @tparam ?{integer,...} asleep the rules that need not be asked, as `tagua.rules.affected` tells them
-- @treturn table|nil `users`: how many, `run`: the number of the run that was put into the queue, if any
-- @treturn string message
-- @treturn string code
function M.piece(k, users, asleep)
  local now, db = k.now(), k.book.ledger.store
  local at = now // 1000
  local entry = journal.last_id(db)
  local lines, message, code = k:records(users)
  if not lines then
    return nil, message, code
  end
  local opened
  opened, message, code = M.open_input(k.pool, lines, at)
  if not opened then
    return nil, message, code
  end
  local job = M.job(k, k.pool, at)
  job.input, job.run, job.asleep = opened, collector.new(), asleep
  local made
  made, message, code = plan.make(job)
  opened:close()
  if not made then
    return nil, message, code
  end
  local number
  local ok
  ok, message, code = db:transact(function()
    if not job.run:empty() then
      number = enqueue(k, job.run, made, entry, at)
    end
    if number then
      k.state:own(number, "events")
    end
    k.sweep:overtaken(users)
    store.must(k.follow:planned(users, number))
    mark(k, job.run, users, doubtful(k, made, users), now)
    return true
  end)
  if not ok then
    k.book.registry.numbers = {} -- what was numbered inside is undone
    return nil, message, code
  end
  tell(k, made)
  return { users = #users, run = number }
end

--- Decides users; where the rules end more workers than a piece may cost, smaller pieces, and in the end without
-- the user who does it.
-- @tparam {string,...} users
-- @tparam ?{integer,...} asleep as `piece` takes it
-- @treturn table|nil `users`, `runs`: how many were put into the queue
-- @treturn string message
-- @treturn string code
function M.decide(k, users, asleep)
  local made, message, code = M.piece(k, users, asleep)
  if made then
    return { users = made.users, runs = made.run and 1 or 0 }
  elseif code ~= "ERULES" and code ~= "EINPUT" then
    return nil, message, code
  elseif #users == 1 then
    k.counts.skipped_users = k.counts.skipped_users + 1
    k.log:seldom("error", "user_skipped", "a user can't be decided and is left alone: " .. message, { user = users[1] })
    local ok
    ok, message, code = k.follow:planned(users)
    if not ok then
      return nil, message, code
    end
    k.state:settled(users[1])
    return { users = 1, runs = 0 }
  end
  local half, sum = #users // 2, { users = 0, runs = 0 }
  for _, part in ipairs({ table.move(users, 1, half, 1, {}), table.move(users, half + 1, #users, 1, {}) }) do
    made, message, code = M.decide(k, part, asleep)
    if not made then
      return nil, message, code
    end
    sum.users, sum.runs = sum.users + made.users, sum.runs + made.runs
  end
  return sum
end

local GROUPS_MOST = 4 -- of the users of one piece: each is a plan of its own

-- Users by the rules that need not be asked, in order of their first one; few groups: where there are more, those
-- who are left are asked what any of them has to be asked. Beside them those of whom no rule reads what moved.
local function groups_of(k, users, about)
  local groups, by_key, nobody, last = {}, {}, {}, nil
  for _, user in ipairs(users) do
    local asleep, none = k.asleep_for(about[user].moved)
    if none then
      nobody[#nobody + 1] = user
    else
      local key = table.concat(asleep or {}, ",")
      local group = by_key[key]
      if not group and #groups == GROUPS_MOST then
        last = last or { users = {} } -- everything is asked
        group = last
      elseif not group then
        group = { users = {}, asleep = asleep }
        by_key[key], groups[#groups + 1] = group, group
      end
      table.insert(group.users, user)
    end
  end
  groups[#groups + 1] = last
  return groups, nobody
end

--- Decides users of whom something moved: of each the rules that read what did.
-- @tparam table k the keeper
-- @tparam {string,...} users
-- @tparam {[string]=table} about for each `moved`, as `tagua.events.follow` tells it
-- @treturn table|nil as `decide`
-- @treturn string message
-- @treturn string code
function M.changed(k, users, about)
  local groups, nobody = groups_of(k, users, about)
  local sum = { users = #nobody, runs = 0 }
  if #nobody > 0 then
    local ok, message, code = k.follow:planned(nobody)
    if not ok then
      return nil, message, code
    end
  end
  for _, group in ipairs(groups) do
    local made, message, code = M.decide(k, group.users, group.asleep)
    if not made then
      return nil, message, code
    end
    sum.users, sum.runs = sum.users + made.users, sum.runs + made.runs
  end
  return sum
end

return M
