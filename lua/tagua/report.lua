--- What people read of a plan and of its outcome.
-- Pure: takes the tables that plan and apply return and gives lines of text; prints nothing.
local terminal = require("tagua.terminal")

local M = {}

local count, number, visible = terminal.count, terminal.number, terminal.visible
local SHOWN = 5 -- entries of a list before "and N more"

local function add(lines, format, ...)
  lines[#lines + 1] = select("#", ...) > 0 and format:format(...) or format
end

-- "read = decided + unknown + failed + rejected": every report adds up, and says so.
local function equation(total, name, parts)
  local terms, sum = {}, 0
  for _, part in ipairs(parts) do
    terms[#terms + 1] = number(part[1]) .. " " .. part[2]
    sum = sum + part[1]
  end
  local text = ("%s %s = %s"):format(number(total), name, table.concat(terms, " + "))
  return sum == total and text or text .. " (this does not add up: please report it)"
end

-- Enough of an id to recognise it by; the machine output has it whole.
local function short(id)
  local text = visible(id)
  return terminal.width(text) > 12 and terminal.clip(text, 10) or text
end

local function names(users)
  local shown = {}
  for i, user in ipairs(users) do
    shown[i] = short(user)
  end
  return table.concat(shown, ", ")
end

local function tag_rows(plan, paint)
  local rows = { { " ", "tag", "folder", "on", "off", "stay", "users" } }
  for _, tag in ipairs(plan.tags) do
    local mark = tag.on > 0 and tag.off > 0 and "~" or tag.on > 0 and "+" or tag.off > 0 and "-" or " "
    local users = tag.on > 0 and tag.on_users or tag.off_users
    rows[#rows + 1] = {
      mark,
      visible(tag.name),
      visible(tag.folder or ""),
      number(tag.on),
      number(tag.off),
      number(tag.stay or 0),
      names(users) .. (#users > 0 and #users < math.max(tag.on, tag.off) and ", …" or ""),
    }
  end
  local lines = terminal.columns(rows, { [4] = "right", [5] = "right", [6] = "right" }, { [2] = 32, [3] = 24 })
  local colours = { ["+"] = "green", ["-"] = "red", ["~"] = "yellow" }
  for i, line in ipairs(lines) do
    local colour = i == 1 and "dim" or colours[line:sub(1, 1)]
    lines[i] = colour and paint(colour, line) or line
  end
  return lines
end

-- At most SHOWN entries, then how many there are besides.
local function list(lines, total, entries, describe)
  for i = 1, math.min(#entries, SHOWN) do
    add(lines, "  " .. visible(describe(entries[i])))
  end
  if total > SHOWN then
    add(lines, "  and %s more", number(total - math.min(#entries, SHOWN)))
  end
end

local function entry_with_id(entry)
  return ("line %d: %s"):format(entry.line, entry.id)
end

local function problems(lines, plan)
  local records = plan.records
  if records.rejected > 0 then
    add(lines, "could not be read, so their users stay as they are: %s", count(records.rejected, "record"))
    list(lines, records.rejected, plan.rejected, function(entry)
      local column = entry.column and (", column %d"):format(entry.column) or ""
      return ("line %d%s: %s"):format(entry.line, column, entry.message)
    end)
  end
  if records.failed > 0 then
    add(lines, "rules failed, and the tags stay as they are: %s", count(records.failed, "record"))
    list(lines, records.failed, plan.failures, function(entry)
      return ("line %d, user %s: %s"):format(entry.line, entry.id, entry.message)
    end)
  end
  if #plan.unknown > 0 then
    add(lines, "not decided because a field has no value; the tags stay as they are:")
    table.sort(plan.unknown, function(a, b)
      if a.count ~= b.count then
        return a.count > b.count
      end
      return a.tag .. "\0" .. a.field < b.tag .. "\0" .. b.field
    end)
    list(lines, #plan.unknown, plan.unknown, function(entry)
      return ("%s: %s without %s"):format(entry.tag, count(entry.count, "user"), entry.field)
    end)
  end
  local function listed(total, entries, text)
    if total > 0 then
      add(lines, text, count(total, "record"))
      list(lines, total, entries, entry_with_id)
    end
  end
  listed(records.unmatched, plan.unmatched, "match no user of this connection, not called: %s")
  listed(records.ambiguous, plan.ambiguous, "match more than one user, not called: %s")
  listed(records.blocked, plan.blocked, "blocked the bot, not called: %s")
end

-- Pairs of a tag and a user who has it.
local function held(pairs_)
  return pairs_ == 1 and "1 tag on a user" or number(pairs_) .. " tags on users"
end

-- Where people had the last word: what they did, which users of which tag, and how to have it otherwise.
local PEOPLE = {
  {
    what = "console",
    text = "left on, since people put it on in the console and the rules do not want it: %s",
    remedy = "tagua release USER TAG leaves it to the rules again",
  },
  {
    what = "denied",
    text = "left off, since people took it off in the console and the rules want it: %s",
    remedy = "tagua release USER TAG leaves it to the rules again",
  },
  {
    what = "found",
    text = "left on, since it was there before the first pull and the rules do not want it: %s",
    remedy = "are these the rules' to take off? then tagua adopt TAG, or adopt = true in the rule",
  },
}

local function people(lines, plan)
  for _, kind in ipairs(PEOPLE) do
    local total, tags = 0, {}
    for _, tag in ipairs(plan.tags) do
      if (tag[kind.what] or 0) > 0 then
        total = total + tag[kind.what]
        tags[#tags + 1] = tag
      end
    end
    if total > 0 then
      add(lines, kind.text, held(total))
      list(lines, #tags, tags, function(tag)
        local users = tag[kind.what .. "_users"]
        local more = tag[kind.what] - #users
        more = more <= 0 and "" or kind.what == "found" and ", …"
          or (" and %s more, which the ledger's view overrides lists"):format(number(more))
        return ("%s: %s (%s%s)"):format(tag.name, count(tag[kind.what], "user"), names(users), more)
      end)
      add(lines, "  %s", kind.remedy)
    end
  end
end

local function left_alone(lines, plan)
  local kept, unsure = 0, 0
  for _, tag in ipairs(plan.tags) do
    kept = kept + tag.kept
    unsure = unsure + tag.unsure
  end
  if unsure > 0 then
    add(
      lines,
      "left alone, since the effect of an operation on it is not known yet (--refresh asks the platform): %s",
      held(unsure)
    )
  end
  people(lines, plan)
  if kept > 0 then
    add(lines, "left on, since its rule says never_remove: %s", held(kept))
  end
  if plan.unowned and #plan.unowned > 0 then
    local parts = {}
    for i = 1, math.min(#plan.unowned, SHOWN) do
      parts[i] = ("%s (%s)"):format(visible(plan.unowned[i].name), number(plan.unowned[i].users))
    end
    local more = #plan.unowned - #parts
    add(
      lines,
      "no rule owns %s, left alone: %s%s",
      count(#plan.unowned, "tag"),
      table.concat(parts, ", "),
      more > 0 and (", and %s more"):format(number(more)) or ""
    )
  end
end

-- A share in hundredths of a percent, as it is written in the rules.
local function share(hundredths)
  return (("%.2f"):format(hundredths / 100):gsub("%.?0+$", "")) .. "%"
end

-- What rules decided and is not carried out, because they are being tried.
local function trials(lines, plan)
  for _, tag in ipairs(plan.tags) do
    local name = visible(tag.name)
    if tag.shadow then
      add(lines, "%s is in the shadow, decided and never applied: it would come on for %s and go off for %s", name,
        count(tag.shadow_on, "user"), number(tag.shadow_off))
    end
    if tag.rollout then
      add(lines, "%s is rolled out to %s of the users: %s outside of them left alone", name, share(tag.rollout),
        count(tag.outside, "change"))
    end
    if tag.holdout then
      add(lines, "%s is held back from %s of the users: %s who would have it go without", name, share(tag.holdout),
        number(tag.held))
    end
  end
end

-- What times do to the plan: what is due, and what was taken off because its time was over.
local function times(lines, plan)
  local expired = 0
  for _, tag in ipairs(plan.tags) do
    expired = expired + (tag.expired or 0)
  end
  if (plan.due or 0) > 0 then
    add(lines, "past their time, taken off first by apply, or by expire: %s", held(plan.due))
  end
  if expired > 0 then
    add(lines, "left off, since their time was over and the rule has not been off since: %s", held(expired))
  end
end

-- What a guard would refuse, each with its numbers.
local function refusals(lines, plan, paint)
  for _, refusal in ipairs(plan.refusals or {}) do
    add(lines, "%s", paint("red", ("! guard %s: %s; apply refuses this without --force %s"):format(refusal.guard,
      visible(refusal.message), refusal.guard)))
  end
end

-- What the platform lacks of that which the rules say.
local function unmet(lines, plan)
  local lacking = plan.unmet or {}
  if lacking.folders then
    add(lines, "%s has no folders: %s will stand without one", plan.platform, count(lacking.folders, "tag"))
  end
  if lacking.families then
    add(lines, "%s has no families of tags: %s will be as any other", plan.platform, count(lacking.families, "tag"))
  end
  if lacking.untag then
    add(lines, "%s can't take tags off: %s will fail", plan.platform, count(lacking.untag, "operation"))
  end
end

-- What an edit of the rules changes, and what the data does.
local function because(lines, plan)
  local cause = plan.because
  if not cause or cause.same or plan.operations == 0 then
    return
  end
  local since = ("the rules were edited since run %d of %s UTC"):format(cause.run, cause.created:sub(1, 16))
  if cause.problem then
    add(lines, "%s; what comes of that can't be told: %s", since, visible(cause.problem))
    return
  end
  add(lines, "%s; operations that come of the edit: %s, of the data and the date: %s", since, number(cause.edited),
    number(cause.data))
  local edited = {}
  for _, tag in ipairs(plan.tags) do
    if tag.edited_on + tag.edited_off > 0 then
      edited[#edited + 1] = tag
    end
  end
  list(lines, #edited, edited, function(tag)
    return ("%s: the edit puts it on %s and takes it off %s"):format(tag.name, count(tag.edited_on, "user"),
      number(tag.edited_off))
  end)
end

--- What a plan costs: "5,120 calls, about 6 s at 1,000 a second".
-- @tparam table plan
-- @treturn string
function M.cost(plan)
  local text = count(plan.calls, "call")
  if plan.per_second and plan.calls > 0 then
    text = ("%s, about %s at %s a second"):format(
      text,
      terminal.duration(plan.calls / plan.per_second),
      number(plan.per_second)
    )
  end
  if plan.money then
    text = ("%s, messages for %s"):format(text, number(plan.money, 2))
  end
  return text
end

--- A plan, as a diff.
-- @tparam table plan from `tagua.plan`
-- @tparam function paint from `terminal.painter`
-- @treturn {string,...} lines
function M.plan(plan, paint)
  local lines = {}
  local records = plan.records
  for _, line in ipairs(tag_rows(plan, paint)) do
    add(lines, "%s", line)
  end
  add(lines, "")
  add(
    lines,
    "records: %s",
    equation(records.read, "read", {
      { records.decided, "decided" },
      { records.unknown, "unknown" },
      { records.failed, "failed" },
      { records.rejected, "rejected" },
    })
  )
  if plan.tests == "skipped" then
    add(lines, "%s", paint("yellow", "the rules' own tests were skipped (--skip-tests)"))
  end
  problems(lines, plan)
  left_alone(lines, plan)
  times(lines, plan)
  trials(lines, plan)
  because(lines, plan)
  unmet(lines, plan)
  for _, creation in ipairs(plan.creations) do
    local where = creation.folder and (" in the folder '%s'"):format(visible(creation.folder))
      or creation.family and (", of the family %s"):format(visible(creation.family))
      or ""
    add(lines, "%s the %s '%s'%s", paint("green", "+ create"), creation.kind, visible(creation.name), where)
  end
  if plan.operations == 0 then
    add(lines, "%s", paint("bold", "nothing to do: the platform has what the rules want"))
  else
    local noun = plan.operations == 1 and "operation" or "operations"
    local sum = equation(plan.operations, noun, { { plan.on, "on" }, { plan.off, "off" } })
    add(lines, "%s; %s", paint("bold", sum), M.cost(plan))
  end
  refusals(lines, plan, paint)
  return lines
end

--- A plan without records, as undo and retry make one.
-- @tparam table plan `tags`, `operations`, `on`, `off`, `creations`, `calls`
-- @tparam function paint
-- @treturn {string,...} lines
function M.changes(plan, paint)
  local lines = plan.operations > 0 and tag_rows(plan, paint) or {}
  for _, creation in ipairs(plan.creations) do
    add(lines, "%s the %s '%s'", paint("green", "+ create"), creation.kind, visible(creation.name))
  end
  if plan.operations > 0 then
    local sum = equation(plan.operations, "operations", { { plan.on, "on" }, { plan.off, "off" } })
    add(lines, "%s; %s", paint("bold", sum), M.cost(plan))
  end
  return lines
end

--- What became of a run.
-- @tparam table outcome from `tagua.apply`
-- @tparam function paint
-- @treturn {string,...} lines
function M.outcome(outcome, paint)
  local lines, sums = {}, outcome.sums
  local parts = { { sums.done, "done" }, { sums.failed, "failed" }, { sums.skipped, "skipped" }, { sums.left, "left" } }
  local colour = outcome.state == "done" and sums.failed == 0 and "green" or "yellow"
  add(lines, "%s", paint(colour, "operations: " .. equation(sums.planned, "planned", parts)))
  local wire = outcome.wire
  if wire and wire.sent > 0 then
    local speed = outcome.seconds and outcome.seconds > 0
      and (" (%s a second)"):format(number(wire.sent / outcome.seconds, 0))
    add(
      lines,
      "%s in %s%s, %s refused by the platform's limit, %s",
      count(wire.sent, "call"),
      terminal.duration(outcome.seconds or 0),
      speed or "",
      number(wire.throttled),
      count(wire.retries, "retry", "retries")
    )
  end
  if sums.unattributed > 0 then
    local one = sums.unattributed == 1
    add(
      lines,
      "%s lost the answer and %s found done; somebody else may have done %s, so undo leaves %s out",
      count(sums.unattributed, "operation"),
      one and "was" or "were",
      one and "it" or "them",
      one and "it" or "them"
    )
  end
  for i = 1, math.min(#(outcome.problems or {}), SHOWN) do
    local problem = outcome.problems[i]
    add(lines, "  %s", visible(("%s%s%s: %s"):format(problem.user, problem.user == "" and "" or " ", problem.tag,
      problem.message)))
  end
  local more = outcome.problems and sums.failed - SHOWN or 0
  if more > 0 then
    add(lines, "  and %s more; tagua run %s --failed lists them all", number(more), outcome.run or "N")
  end
  return lines
end

return M
