--- tagua why: which rule decided on one user, on which values, and what would have to be different.
local cohort = require("tagua.cohort")
local core = require("tagua.core")
local moment = require("tagua.command.moment")
local nearest = require("tagua.nearest")
local planning = require("tagua.command.planning")
local terminal = require("tagua.terminal")
local why = require("tagua.why")

local MISSES_SHOWN = 3

-- A value as people read it.
local function shown(job, field, value)
  if value == nil then
    return "no value"
  elseif field.type == "date" then
    return (job.zone:format(value):gsub(" 00:00:00$", ""))
  elseif field.type == "tagset" then
    return "{ " .. table.concat(value, ", ") .. " }"
  elseif math.type(value) == "float" then
    return ("%.14g"):format(value)
  end
  return tostring(value)
end

-- The fields of these names, with what the record has in each.
local function reads_of(job, names)
  local reads, wanted = {}, {}
  for _, name in ipairs(names) do
    wanted[name] = true
  end
  for _, field in ipairs(job.ruleset.fields) do
    if wanted[field.name] then
      local value, state = job.record.values[field.name], job.record.states[field.name]
      local empty = value == nil and not state
      reads[#reads + 1] = {
        field = field,
        value = empty and field.if_empty or value,
        state = state or (empty and "empty") or nil,
        written = state == "bad" and job.bad[field.name] or nil,
      }
    end
  end
  return reads
end

-- What the mirror has of a user and a tag.
local function platform_of(context, job, tag)
  local name = job.options.to
  if not job.book then
    return { text = ("not known, it was never pulled: tagua pull %s"):format(name) }
  elseif not job.user then
    return { text = "the record matches no user, or several" }
  end
  local known = tag.id and { id = tag.id } or job.book:tag(tag.name)
  local states, blocked = context:check(job.book:states({ job.user }, { known and known.id or "" }))
  local letter = states[1]
  local state = {
    present = not letter:find("[.oqQx?]"),
    owner = letter:find("[tdr]") and "tagua" or letter:find("[cfkKlL]") and "console" or nil,
    blocked = blocked[1] or nil,
    text = "not there",
  }
  if letter == "?" then
    state.text = "not known: an operation on it is under way, or its effect could not be found out"
  elseif letter:find("[oqQ]") then
    state.text = "not there, taken off in the console"
  elseif letter == "f" then
    state.text = "there since before the first pull"
  elseif state.owner == "console" then
    state.text = "there, put on in the console"
  elseif state.present then
    for operation in context:ledger():history({ user = job.user, tag = known.id, connection = name }) do
      if operation.action == "tag" and (operation.outcome == "done" or operation.outcome == "unattributed") then
        state.run, state.time = operation.run, operation.time
        break
      end
    end
    state.text = state.run and ("there, put on by run %d at %s UTC"):format(state.run, state.time) or "there"
  end
  return state
end

-- What stands between the decision and the platform.
local function trials_of(job, tag, want)
  local notes = {}
  if tag.shadow then notes[#notes + 1] = "in the shadow: decided, never applied" end
  if tag.starts and job.at < tag.starts then
    notes[#notes + 1] = ("left alone before %s (starts)"):format(job.zone:format(tag.starts))
  elseif tag.ends and job.at >= tag.ends then
    notes[#notes + 1] = ("over since %s (ends): it comes off"):format(job.zone:format(tag.ends))
  end
  local byte = job.cohorts and job.user and job.cohorts:apply(job.user, want):sub(tag.position, tag.position)
  if byte == cohort.HELD then
    notes[#notes + 1] = "held out of it (holdout): does not get it"
  elseif byte == cohort.OUTSIDE_ON or byte == cohort.OUTSIDE_OFF then
    notes[#notes + 1] = "outside of its rollout: left alone"
  end
  return notes
end

-- Asks a rule about records; fails where a rule gets stuck.
local function ask(job, position, records, trace)
  return job.pool:ask({ rule = position, at = job.at, trace = trace, records = records })
end

-- Everything about one tag.
local function explain(context, job, tag, whole)
  local position = job.rule_of[tag.position]
  local rule = job.ruleset.rules[position]
  local answer = job.answers[position]
  local place = tag.position - rule.first + 1
  local want = answer.wants:sub(place, place)
  local told = {
    tag = tag, rule = rule, want = want, unknown = answer.unknown, failed = answer.failed,
    line = answer.line or rule.line, file = answer.file or rule.file or job.ruleset.name,
    reads = reads_of(job, answer.reads),
    platform = platform_of(context, job, tag), notes = trials_of(job, tag, job.wants), misses = {},
  }
  local gives_up = answer.failed and answer.failed:find(" ran out of ", 1, true)
  if (want ~= "+" or whole) and not gives_up then
    local fields = {}
    for i, read in ipairs(told.reads) do
      fields[i] = read.field
    end
    local message
    told.misses, message = why.misses({
      fields = fields, record = job.record, tag = place, wanted = want == "+" and "-" or "+",
      numbers = job.numbers, texts = job.texts, samples = job.samples, zone = job.zone, at = job.at,
      ask = function(records)
        return ask(job, position, records)
      end,
    })
    told.search = message
  end
  return told
end

local WORDS = { ["+"] = "the rules want it", ["-"] = "the rules do not want it", ["."] = "the rules leave it alone" }

local function missed(job, told, miss)
  local read
  for _, one in ipairs(told.reads) do
    if one.field == miss.field then read = one end
  end
  local name = miss.field.name
  local outcome = ("the user %s %s"):format(told.want == "+" and "does not get" or "gets", told.tag.name)
  if miss.with then
    return ("with the tag %s %s"):format(miss.with, outcome)
  elseif miss.without then
    return ("without the tag %s %s"):format(miss.without, outcome)
  end
  local is = read.written and ("is '%s', which does not fit"):format(read.written)
    or read.value == nil and "has no value" or "is " .. shown(job, miss.field, read.value)
  return ("%s %s: at %s %s"):format(name, is, shown(job, miss.field, miss.value), outcome)
end

-- What the rules came to, in words.
local function verdict_of(told)
  if told.failed then
    return "the rule failed: " .. told.failed
  end
  for _, read in ipairs(told.reads) do
    if told.unknown == read.field.name and read.written then
      return ("not decided, because %s has a value that does not fit"):format(told.unknown)
    end
  end
  return told.unknown and ("not decided, because %s has no value"):format(told.unknown) or WORDS[told.want]
end

local function lines_of(context, job, told)
  local lines = {}
  local function add(format, ...)
    lines[#lines + 1] = terminal.visible(format:format(...))
  end
  add("%s: %s", told.tag.name, verdict_of(told))
  local reads = {}
  for i, read in ipairs(told.reads) do
    local source = read.field.source ~= read.field.name and read.field.source
    reads[i] = ("%s%s = %s"):format(read.field.name, source and (" (%s)"):format(source) or "",
      read.written and ("'%s', which does not fit"):format(read.written) or shown(job, read.field, read.value))
  end
  add("  %s:%d, %s '%s', on %s", told.file, told.line, told.rule.kind, told.rule.name,
    #reads > 0 and table.concat(reads, ", ") or "no field")
  for _, note in ipairs(told.notes) do
    add("  %s", note)
  end
  add("  on %s: %s%s", job.options.to, told.platform.text, told.platform.blocked and "; the user blocked the bot" or "")
  for i = 1, math.min(#told.misses, MISSES_SHOWN) do
    add("  %s", missed(job, told, told.misses[i]))
  end
  if told.search then
    add("  looked no further: %s", told.search)
  elseif #told.misses == 0 and told.want ~= "+" and #reads > 0 and not told.failed then
    add("  no change of one field that was tried flips this")
  end
  lines[1] = context.paint(told.want == "+" and "green" or told.want == "-" and "bold" or "yellow", lines[1])
  return lines
end

local function value_for_json(job, field, value)
  return field.type == "date" and value and job.zone:format(value) or field.type == "tagset" and value
    and require("tagua.json").array(value) or value
end

local DECISIONS = { ["+"] = "on", ["-"] = "off", ["."] = "leave", ["?"] = "unknown", ["!"] = "failed" }

local function as_json(job, all)
  local json = require("tagua.json")
  local tags = {}
  for i, told in ipairs(all) do
    local reads, misses = {}, {}
    for j, read in ipairs(told.reads) do
      reads[j] = { field = read.field.name, source = read.field.source, state = read.state, written = read.written,
        value = value_for_json(job, read.field, read.value) }
    end
    for j, miss in ipairs(told.misses) do
      misses[j] = { field = miss.field.name, value = value_for_json(job, miss.field, miss.value), with = miss.with,
        without = miss.without }
    end
    local state = told.platform
    tags[i] = {
      name = told.tag.name, decision = DECISIONS[told.want], unknown = told.unknown, failed = told.failed,
      rule = told.rule.name, file = told.file, line = told.line, reads = json.array(reads),
      platform = { present = state.present, owner = state.owner, run = state.run, time = state.time },
      notes = json.array(told.notes), misses = json.array(misses), search = told.search,
    }
  end
  return { user = job.options.user, id = job.user, line = job.line, at = job.zone:format(job.at),
    connection = job.options.to, tags = json.array(tags) }
end

-- The ledger's side of the connection, where there is a mirror; nothing is made for a question.
local function book_of(context, options, needed)
  if needed then
    require("tagua.command.pulling").ensure(context, options.to, false)
  elseif not core.system.file_kind(context.ledger_path) then
    return nil
  end
  local book = context:book(options.to)
  return book:pulled() and book or nil
end

-- The record, and what all rules make of it.
local function decide(context, job)
  local options = job.options
  job.book = book_of(context, options, job.ruleset.reads_tags or options.match)
  local matcher = options.match and context:check(job.book:matcher(options.match))
  job.input = planning.open_input(context, options, job.ruleset, job.at)
  local found = require("tagua.command.record").find(context, {
    ruleset = job.ruleset, input = job.input, id_column = options.id_column, zone = job.zone, matcher = matcher,
    user = options.user,
  })
  job.record, job.bad, job.user, job.line, job.samples = found.record, found.bad, found.user, found.line, found.samples
  for _, field in ipairs(job.ruleset.fields) do
    if field.type == "tagset" then
      job.record.values[field.name] = job.user and context:check(job.book:tagsets({ job.user }))[1] or nil
      job.record.states[field.name] = not job.user and "absent" or nil
    end
  end
  job.answers, job.rule_of, job.wants = {}, {}, ""
  for i, rule in ipairs(job.ruleset.rules) do
    job.answers[i] = context:check(ask(job, i, { job.record }, true))[1]
    job.wants = job.wants .. job.answers[i].wants
    for tag = rule.first, rule.first + rule.count - 1 do
      job.rule_of[tag], job.ruleset.tags[tag].position = i, tag
    end
  end
end

-- The text of the rule file and of those that it includes.
local function text_of(file)
  local texts = { file.source }
  for _, included in pairs(file.includes or {}) do
    for _, part in ipairs(included) do
      texts[#texts + 1] = part.source
    end
  end
  return table.concat(texts, "\n")
end

-- The tags that were asked about.
local function chosen(context, ruleset, name)
  local tags, names = {}, {}
  for _, tag in ipairs(ruleset.tags) do
    names[#names + 1] = tag.name
    if not name or tag.name == name or tag.group == name then tags[#tags + 1] = tag end
  end
  if not tags[1] then
    context:fail(("no rule owns the tag '%s'%s"):format(name, nearest.hint(name, names)), "EUSAGE")
  end
  return tags
end

return {
  name = "why",
  summary = "tell why a user gets a tag or does not, and what would change it",
  description = "Tells of one user which line of the rules decided, on which values, what the platform has"
    .. " now and which run put it there; and of a tag that the user does not get the smallest change of one"
    .. " field that would give it. Sends nothing.",
  examples = {
    "tagua why rules.lua --users users.csv U9f0c1d2e3b4a59687766554433221100 VIP",
    "tagua why rules.lua --users users.csv U9f0c1d2e3b4a59687766554433221100 --at \"2026-12-24 00:00\" --json",
  },
  define = function(parser)
    planning.define_input(parser)
    parser:argument("user", "The user's id: on the platform, or as the input has it."):argname("USER")
    parser:argument("tag", "The tag, or a one_of; all tags that the rules own unless told."):argname("TAG"):args("?")
    planning.define_target(parser)
    moment.define(parser)
  end,

  run = function(context, options)
    local pool = context:pool({ jobs = 1 })
    local ruleset = context:check(pool:load({ path = options.rules }))
    local zone <close> = context:check(core.zone.open(ruleset.zone))
    local numbers, texts = why.constants(text_of(pool.file))
    local job = {
      options = options, pool = pool, ruleset = ruleset, zone = zone, at = moment.now(context, ruleset, options),
      numbers = numbers, texts = texts, cohorts = cohort.new(ruleset.tags),
    }
    local tags = chosen(context, ruleset, options.tag)
    decide(context, job)
    local all = {}
    for i, tag in ipairs(tags) do
      all[i] = explain(context, job, tag, options.tag ~= nil)
    end
    if options.json then
      return context:json(as_json(job, all))
    end
    local place = job.input.events and "one" or ("line %d"):format(job.line) -- a line of events is not a user's
    context:print(("%s, %s of %s"):format(terminal.visible(options.user), place, terminal.visible(job.input.name)))
    for _, told in ipairs(all) do
      for _, line in ipairs(lines_of(context, job, told)) do
        context:print(line)
      end
    end
  end,
}
