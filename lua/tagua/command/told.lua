--- Plans and outcomes as programs read them (--json). Pure: keeps what is promised and nothing else.
local json = require("tagua.json")

local M = {}

local function entries(list)
  local out = {}
  for i, entry in ipairs(list or {}) do
    out[i] = {
      line = entry.line,
      column = entry.column,
      id = entry.id,
      rule = entry.rule,
      tag = entry.tag,
      field = entry.field,
      count = entry.count,
      message = entry.message,
    }
  end
  return json.array(out)
end

local SUMS = {
  "on", "off", "stay", "console", "denied", "found", "kept", "unsure", "unknown", "failed", "due", "expired",
  "holders", "money",
}
local NAMED = { "on_users", "off_users", "console_users", "denied_users", "found_users" }

local function tags(plan)
  local out = {}
  for i, tag in ipairs(plan.tags) do
    out[i] = { name = tag.name, id = tag.id, folder = tag.folder, family = tag.family, rule = tag.rule }
    for _, sum in ipairs(SUMS) do
      out[i][sum] = tag[sum]
    end
    out[i].edited_on, out[i].edited_off = tag.edited_on, tag.edited_off
    if tag.shadow then
      out[i].shadow = { on = tag.shadow_on, off = tag.shadow_off }
    end
    if tag.rollout then
      out[i].rollout = { percent = tag.rollout / 100, outside = tag.outside }
    end
    if tag.holdout then
      out[i].holdout = { percent = tag.holdout / 100, held = tag.held }
    end
    for _, list in ipairs(NAMED) do
      out[i][list] = json.array(tag[list] or {})
    end
  end
  return json.array(out)
end

local function refusals(plan)
  local out = {}
  for i, refusal in ipairs(plan.refusals or {}) do
    out[i] = { guard = refusal.guard, message = refusal.message }
  end
  return json.array(out)
end

--- A plan.
-- @tparam table plan from tagua.plan
-- @tparam string connection its name
-- @treturn table
function M.plan(plan, connection)
  local creations = {}
  for i, creation in ipairs(plan.creations) do
    creations[i] = { kind = creation.kind, name = creation.name, folder = creation.folder,
      family = creation.family }
  end
  local left_alone = {}
  for i, tag in ipairs(plan.unowned or {}) do
    left_alone[i] = { name = tag.name, id = tag.id, users = tag.users }
  end
  return {
    connection = connection,
    records = plan.records,
    operations = { planned = plan.operations, on = plan.on, off = plan.off },
    tests = plan.tests,
    calls = plan.calls,
    because = plan.because,
    per_second = plan.per_second,
    money = plan.money,
    due = plan.due,
    guards = refusals(plan),
    tags = tags(plan),
    create = json.array(creations),
    unmet = next(plan.unmet or {}) and plan.unmet or nil,
    unowned = json.array(left_alone),
    rejected = entries(plan.rejected),
    failures = entries(plan.failures),
    unknown = entries(plan.unknown),
    unmatched = entries(plan.unmatched),
    ambiguous = entries(plan.ambiguous),
    blocked = entries(plan.blocked),
  }
end

--- What became of a run.
-- @tparam table outcome from tagua.apply
-- @treturn table
function M.outcome(outcome)
  local problems = {}
  for i, problem in ipairs(outcome.problems or {}) do
    problems[i] = {
      user = problem.user, tag = problem.tag, action = problem.action,
      code = problem.code, message = problem.message,
    }
  end
  return {
    state = outcome.state,
    operations = outcome.sums,
    created = outcome.created,
    seconds = outcome.seconds,
    calls = outcome.wire,
    problems = json.array(problems),
    message = outcome.message,
    code = outcome.code,
  }
end

return M
