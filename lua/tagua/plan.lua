--- A plan: what the rules want, less what the platform already has.
-- Works while the records stream by and keeps one row for each distinct pair of (decision, mirror),
-- never one for each user. Sends nothing; writes operations to the run that it is given.
local cohort = require("tagua.cohort")
local core = require("tagua.core")
local evidence = require("tagua.evidence")
local former = require("tagua.former")
local pattern_of = require("tagua.pattern").of
local terminal = require("tagua.terminal")

local M = {}

local SAMPLES = 3 -- users named for each tag and direction
local LISTED = 100 -- rejected, failed and unmatched records kept for the report

-- The tags of the ruleset beside what the ledger knows of them. A tag without an id has yet to be
-- created: nobody can hold it, so its place in the look-up is an id that matches nothing.
-- The clock says for which moment times count, and which time each rule gives its tag.
local function resolve(ruleset, book, at, conflicts)
  local targets, ids, clock = {}, {}, at and { at = at }
  for i, tag in ipairs(ruleset.tags) do
    local id = tag.id
    if not id then
      local known, message, code = book:tag(tag.name)
      if message then
        return nil, message, code
      end
      id = known and known.id
    end
    targets[i] = {
      name = tag.name,
      id = id,
      folder = tag.folder,
      family = tag.family,
      group = tag.group,
      rule = tag.rule,
      line = tag.line,
      never_remove = tag.never_remove,
      lasts = tag.lasts,
      ends = tag.ends,
      renew = tag.renew,
      over = at and tag.ends and at >= tag.ends,
      early = at and tag.starts and at < tag.starts,
      adopt = tag.adopt,
      conflicts = tag.conflicts or conflicts,
      shadow = tag.shadow,
      rollout = tag.rollout,
      always = tag.always, -- wanted also where nobody has it
      holdout = tag.holdout,
      shadow_on = 0,
      shadow_off = 0,
      held = 0,
      outside = 0,
      on = 0,
      off = 0,
      stay = 0,
      console = 0,
      denied = 0,
      found = 0,
      kept = 0,
      unsure = 0,
      due = 0,
      expired = 0,
      unknown = 0,
      failed = 0,
      on_users = {},
      off_users = {},
      console_users = {},
      denied_users = {},
      found_users = {},
    }
    ids[i] = id or ""
    if clock then
      clock[i] = { lasts = tag.lasts, ends = tag.ends }
    end
  end
  return targets, ids, nil, clock
end

-- By the position of each tag the fields that its rule may read; nil where the decisions are no rules'.
local function reads_of(job)
  if not job.pool.reads then
    return nil
  end
  local reads, message, code = job.pool:reads()
  if not reads then
    return nil, message, code
  end
  local by_tag = {}
  for i, rule in ipairs(job.ruleset.rules) do
    for tag = rule.first, rule.first + rule.count - 1 do
      by_tag[tag] = reads[i]
    end
  end
  return by_tag
end

local function keep(list, entry)
  if #list < LISTED then
    list[#list + 1] = entry
  end
end

local Planner = {}
Planner.__index = Planner

-- The patterns of one mirror state, by decision: two look-ups with short strings as keys.
function Planner:pattern(wants, state)
  local of_state = self.patterns[state]
  if not of_state then
    of_state = {}
    self.patterns[state] = of_state
  end
  local pattern = of_state[wants]
  if not pattern then
    pattern = pattern_of(self.targets, wants, state)
    of_state[wants] = pattern
  end
  pattern.count = pattern.count + 1
  return pattern
end

-- Writes the operations of one user and names the user beside its tags.
function Planner:operate(user, pattern, line)
  for _, direction in ipairs({ "off", "on" }) do
    for _, index in ipairs(pattern[direction]) do
      local target = self.targets[index]
      local named = target[direction .. "_users"]
      if #named < SAMPLES then
        named[#named + 1] = user
      end
      if self.run then
        self.run:add({
          user = user,
          tag = target.id,
          name = target.name,
          action = direction == "on" and "tag" or "untag",
          rule = target.rule,
          line = target.line,
          input_line = line,
          lasts = direction == "on" and target.lasts or nil,
          ends = direction == "on" and target.ends or nil,
        })
      end
    end
  end
  for _, change in ipairs(self.run and pattern.times or {}) do
    local target = self.targets[change[1]]
    self.run:time({ user = user, tag = target.id, what = change[2], lasts = target.lasts, ends = target.ends })
  end
end

-- Names a user whose tags stay as the console left them, and has the ledger note what the rules want.
function Planner:respect(user, pattern)
  for _, entry in ipairs(pattern.named) do
    local named = self.targets[entry[1]][entry[2]]
    if #named < (entry[2] == "found_users" and SAMPLES or LISTED) then
      named[#named + 1] = user
    end
  end
  if self.run then
    for _, entry in ipairs(pattern.notes) do
      self.run:note(user, self.targets[entry[1]].id, entry[2])
    end
  end
end

-- Turns the ids of a block into users; a record that means nobody, or several, is listed.
function Planner:users_of(block)
  local plan = self.plan
  if not self.matcher then
    return block.ids
  end
  local users = self.matcher:find(block.ids)
  for i = 1, block.n do
    if not users[i] then
      plan.records.unmatched = plan.records.unmatched + 1
      keep(plan.unmatched, { line = block.lines[i], id = block.ids[i] })
    elseif users[i] == "ambiguous" then
      users[i] = false
      plan.records.ambiguous = plan.records.ambiguous + 1
      keep(plan.ambiguous, { line = block.lines[i], id = block.ids[i] })
    end
  end
  return users
end

-- Adds a block's rejected, failed and unknown records to the plan's.
function Planner:count_problems(block)
  local plan = self.plan
  plan.records.read = plan.records.read + block.n + block.rejected_count
  plan.records.rejected = plan.records.rejected + block.rejected_count
  for _, rejected in ipairs(block.rejected) do
    keep(plan.rejected, rejected)
  end
  for _, failure in ipairs(block.failures) do
    keep(plan.failures, failure)
  end
  for _, unknown in ipairs(block.unknown) do
    local key = unknown.tag .. "\0" .. unknown.field
    local entry = self.unknown[key]
    if not entry then
      entry = { tag = self.targets[unknown.tag].name, field = unknown.field, count = 0 }
      self.unknown[key] = entry
      plan.unknown[#plan.unknown + 1] = entry
    end
    entry.count = entry.count + unknown.count
  end
  for field, count in pairs(block.present) do
    self.present[field] = (self.present[field] or 0) + count
  end
end

-- The rules of a pattern's operations, each once, with the fields that they read; worked out once.
function Planner:rules_of(pattern)
  if not pattern.rules then
    local rules, seen = {}, {}
    for _, direction in ipairs({ "off", "on" }) do
      for _, index in ipairs(pattern[direction]) do
        local target = self.targets[index]
        local key = ("%s\0%s"):format(target.rule, target.line or "")
        if target.rule and not seen[key] then
          seen[key] = true
          rules[#rules + 1] = { name = target.rule, line = target.line, reads = self.reads and self.reads[index] }
        end
      end
    end
    pattern.rules = rules
  end
  return pattern.rules[1] and pattern.rules
end

-- Takes one block of decisions: finds the users, looks up what they have, writes the difference.
function Planner:take(block)
  self:count_problems(block)
  local users = self:users_of(block)
  local asked, places, lines = users, nil, block.lines -- without a matcher every record is a user
  if self.matcher then
    asked, places, lines = {}, {}, {}
    for i = 1, block.n do
      local user = users[i]
      if user then
        local k = #asked + 1
        asked[k], places[k], lines[k] = user, i, block.lines[i]
      else
        self:pattern(block.wants[i], self.nothing) -- counted as a record, never called
      end
    end
  end
  local noted, message, code = self.seen:add(asked, lines)
  if not noted then
    return nil, message, code
  end
  local states, blocked
  states, blocked, code = self.book:states(asked, self.ids, self.clock)
  if not states then
    return nil, blocked, code
  end
  local changed = {} -- lines whose users get operations
  local block_wants, cohorts, unreachable = block.wants, self.cohorts, self.unreachable
  for k, user in ipairs(asked) do
    local i = places and places[k] or k
    local wants = cohorts and cohorts:apply(user, block_wants[i]) or block_wants[i]
    local pattern = self:pattern(wants, blocked[k] and unreachable or states[k])
    if blocked[k] then
      self.plan.records.blocked = self.plan.records.blocked + 1
      keep(self.plan.blocked, { line = block.lines[i], id = block.ids[i] })
    elseif pattern.special then
      if self.former then
        self.former:count(i, user, pattern)
      end
      self:operate(user, pattern, block.lines[i])
      self:respect(user, pattern)
      changed[block.lines[i]] = self.evidence and self:rules_of(pattern) or nil
    end
  end
  if self.evidence then
    self.evidence:release(changed, function(line, rule, fields)
      self.run:record(line, rule.name, rule.line, fields)
    end)
  end
  return true
end

-- Where rules read what the platform has on a user, each chunk goes to its worker with the tags of
-- the users in it, by the id that the record has.
function Planner:tagsets(chunk, first_line)
  local ids, users = {}, {}
  for _, record in ipairs(self.id_reader:read(chunk, first_line)) do
    ids[#ids + 1] = record.id -- none on a rejected one
  end
  local found = self.matcher and self.matcher:find(ids) or ids
  local named = {}
  for i, id in ipairs(ids) do
    if found[i] and found[i] ~= "ambiguous" then
      users[#users + 1], named[#named + 1] = found[i], id
    end
  end
  local tagsets = {}
  for i, names in ipairs(self.book:tagsets(users)) do
    tagsets[named[i]] = names
  end
  return tagsets
end

-- Decides every block and compares it.
function Planner:decide(next_chunk, job)
  local next_block = job.pool:decide(next_chunk, job.asleep)
  while true do
    local block, message, code = next_block()
    if not block then
      return message == nil, message, code
    end
    if self.former then
      self.former:follow(block)
    end
    local ok
    ok, message, code = self:take(block)
    if not ok then
      return nil, message, code
    end
    if job.progress then
      job.progress(self.plan.records.read)
    end
  end
end

-- Adds up the patterns, once at the end. Those of users who can't be called count as records alone.
function Planner:sum()
  local plan = self.plan
  for state, of_state in pairs(self.patterns) do
    local reachable = state ~= self.nothing and state ~= self.unreachable
    for _, pattern in pairs(of_state) do
      plan.records[pattern.status] = plan.records[pattern.status] + pattern.count
      for _, tally in ipairs(pattern.tallies) do
        local target, what = self.targets[tally[1]], tally[2]
        if reachable or what == "unknown" or what == "failed" then
          target[what] = target[what] + pattern.count
        end
      end
    end
  end
  for _, target in ipairs(self.targets) do
    plan.on = plan.on + target.on
    plan.off = plan.off + target.off
  end
  plan.operations = plan.on + plan.off
end

-- Folders and tags that operations need and the platform does not show yet.
function Planner:creations()
  local creations, folders = {}, {}
  for _, target in ipairs(self.targets) do
    if not target.id and (target.on > 0 or target.always) then
      local folder = not self.lacks.folders and target.folder or nil
      if folder and not folders[folder] then
        folders[folder] = true
        if not self.book:tag(folder, "folder") then
          creations[#creations + 1] = { kind = "folder", name = folder }
        end
      end
      local family = not self.lacks.families and target.family or nil
      creations[#creations + 1] = { kind = "tag", name = target.name, folder = folder, family = family }
    end
  end
  return creations
end

-- Tags that the platform shows and no rule owns: left alone, and said so.
function Planner:unowned()
  local owned, others = {}, {}
  for _, target in ipairs(self.targets) do
    owned[target.id or ""] = true
  end
  for _, tag in ipairs(self.book:tags()) do
    if tag.kind == "tag" and not owned[tag.id] then
      others[#others + 1] = tag
    end
  end
  if #others == 0 then
    return others -- counting goes through the whole mirror
  end
  local sizes, message, code = self.book:tag_sizes()
  if not sizes then
    return nil, message, code
  end
  local unowned = {}
  for _, tag in ipairs(others) do
    if sizes[tag.id] then
      unowned[#unowned + 1] = { name = tag.name, users = sizes[tag.id].users }
    end
  end
  return unowned
end

-- What must stop the plan before anything is sent: input that was cut off, a column that no record
-- has, two records for one user.
function Planner:verdict()
  local message, code = self.input:failure()
  if message then
    return nil, message, code
  end
  local plan = self.plan
  if plan.interrupted or self.live then
    return true
  end
  if plan.records.read > 0 and plan.records.read == plan.records.rejected then
    local first = plan.rejected[1]
    return nil,
      ("%s: no record could be read; the first, line %d: %s"):format(
        self.input.name,
        first.line,
        first.message
      ),
      "EINPUT"
  elseif plan.records.read > 0 then
    for _, field in ipairs(self.ruleset.fields) do
      if field.type ~= "tagset" and (self.present[field.name] or 0) == 0 then
        local remedy = "correct the name in fields { }, or take the field out"
        if field.aggregate then
          remedy = "give records that have it, or events: JSON objects, one to a line, with user, type and at"
        end
        local text = "no record of %s has '%s' (field %s): %s"
        return nil, text:format(self.input.name, field.source, field.name, remedy), "EINPUT"
      end
    end
  end
  local doubles, total
  doubles, total, code = self.seen:finish(1)
  if not doubles then
    return nil, total, code
  end
  if total > 0 then
    local first = doubles[1]
    local ids = self.input.ids and self.input:ids(self.id_column, first) or {}
    local one, other = ids[first[1]], ids[first[2]]
    return nil,
      ("%s has two records for one user%s: lines %d and %d%s; keep one record a user"):format(
        self.input.name,
        not other and "" or one == other and (", '%s'"):format(other) or (", '%s' and '%s'"):format(one, other),
        first[1],
        first[2],
        total > 1 and (" (and %s)"):format(terminal.count(total - 1, "more pair")) or ""
      ),
      "EINPUT"
  end
  return true
end

--- Decides every record and compares the decisions with the mirror.
-- @tparam table job
-- @param job.ruleset as `pool:load` describes it
-- @param job.pool the workers, their input set
-- @param job.input see `tagua.input`
-- @param job.book the ledger's side of the connection
-- @tparam string job.id_column the column or key with the id
-- @tparam ?string job.match `ext_id`, `phone`, `email` or `param:NAME`; the id column is the user's id unless told
-- @param job.run where operations are written; nil for a plan that is only shown
-- @tparam ?integer job.at the moment that counts for times, in seconds since the epoch; without it none does
-- @tparam ?string job.conflicts the connection's policy, `console_wins` unless told; see `tagua.ownership`
-- @tparam ?table job.former the rules of the last run, see `tagua.former`; the plan then tells in `because` what
--   the edit of the rules changes
-- @tparam ?boolean job.live the records are of some users alone, what is known of them as it came in: a field that
--   none of them has is no mistake, and what the rules do not own is not counted
-- @tparam ?{integer,...} job.asleep the positions of rules that are not asked: their tags are left alone
-- @tparam ?function job.interrupted tells whether to stop reading
-- @tparam ?function job.progress called with the number of records read
-- @treturn ?table the plan: `records`, `tags`, `creations`, `operations`, `on`, `off`, and the lists
--   `rejected`, `failures`, `unknown`, `unmatched`, `ambiguous`, `blocked` (at most 100 entries each)
-- @treturn ?string message
-- @treturn ?string code
function M.make(job)
  local targets, ids, code, clock = resolve(job.ruleset, job.book, job.at, job.conflicts)
  if not targets then
    return nil, ids, code
  end
  local self = setmetatable({
    ruleset = job.ruleset,
    live = job.live,
    input = job.input,
    book = job.book,
    lacks = job.lacks or {},
    run = job.run,
    targets = targets,
    ids = ids,
    clock = clock,
    patterns = {},
    cohorts = cohort.new(job.ruleset.tags),
    nothing = "", -- nobody is meant: no state at all
    unreachable = ("b"):rep(#targets),
    unknown = {},
    present = {},
    seen = core.record.seen(),
    id_column = job.id_column,
    plan = {
      records = {
        read = 0,
        decided = 0,
        unknown = 0,
        failed = 0,
        rejected = 0,
        unmatched = 0,
        ambiguous = 0,
        blocked = 0,
      },
      tags = targets,
      on = 0,
      off = 0,
      operations = 0,
      rejected = {},
      failures = {},
      unknown = {},
      unmatched = {},
      ambiguous = {},
      blocked = {},
    },
  }, Planner)
  if job.match then
    local message
    self.matcher, message, code = job.book:matcher(job.match)
    if not self.matcher then
      return nil, message, code
    end
  end
  local reads_tags = job.ruleset.reads_tags
    or (job.former and job.former.ruleset and job.former.ruleset.reads_tags)
  if reads_tags then
    self.id_reader = core.record.reader({
      format = job.input.format,
      header = job.input:header(),
      delimiter = job.input.delimiter,
      id = job.id_column,
      fields = {},
    })
  end
  if job.run and job.input.header then
    local message
    self.evidence, message, code = evidence.new(job)
    if not self.evidence then
      return nil, message, code
    end
    self.reads, message, code = reads_of(job)
    if message then
      return nil, message, code
    end
  end
  local function next_chunk()
    if job.interrupted and job.interrupted() then
      self.plan.interrupted = true
      return nil
    end
    local chunk, first_line = job.input:next()
    local tagsets = chunk and reads_tags and self:tagsets(chunk, first_line) or nil
    if chunk and self.evidence then
      self.evidence:keep(chunk, first_line, tagsets)
    end
    return chunk, first_line, tagsets
  end
  self.former = job.former and former.new(job.former, targets, job.at)
  local ok, message
  ok, message, code = self:decide(self.former and self.former:split(next_chunk) or next_chunk, job)
  if not ok then
    return nil, message, code
  end
  ok, message, code = self:verdict()
  if not ok then
    return nil, message, code
  end
  if job.run and job.input.hash and job.input:hash() then
    ok, message, code = job.run:read_all(job.input:hash())
    if not ok then
      return nil, message, code
    end
  end
  self:sum()
  self.plan.because = self.former and self.former:result()
  self.plan.creations = self:creations()
  self.plan.unmet, self.plan.platform = require("tagua.fitting").unmet(self.targets, self.lacks), self.lacks.platform
  self.plan.unowned, message, code = {}, nil, nil
  if not self.live then
    self.plan.unowned, message, code = self:unowned()
  end
  if not self.plan.unowned then
    return nil, message, code
  end
  self.plan.calls = self.plan.operations + #self.plan.creations
  return self.plan
end

return M
