--- tagua forecast: how many users come on and go off each day if nothing else changes.
local core = require("tagua.core")
local forecast = require("tagua.forecast")
local moment = require("tagua.command.moment")
local planning = require("tagua.command.planning")
local progress = require("tagua.command.progress")
local terminal = require("tagua.terminal")
local values = require("tagua.command.values")

local BAR = 24 -- columns of the longest bar
local NAMED = 3 -- tags that a day names

-- The bar of a day: what comes on, and what goes off.
local function bar(context, day, most)
  local function part(count, mark)
    return count > 0 and mark:rep(math.max(1, math.floor(count * BAR / most + 0.5))) or ""
  end
  local on, off = part(day.on, "+"), part(day.off, "-")
  local blank = (" "):rep(math.max(0, BAR + 2 - #on - #off))
  return context.paint("green", on) .. context.paint("red", off) .. blank
end

local function names(day)
  local parts = {}
  for i = 1, math.min(NAMED, #day.tags) do
    local tag = day.tags[i]
    parts[i] = ("%s%s%s"):format(terminal.visible(tag.name), tag.on > 0 and " +" .. terminal.number(tag.on) or "",
      tag.off > 0 and " -" .. terminal.number(tag.off) or "")
  end
  return table.concat(parts, ", ") .. (#day.tags > NAMED and ", …" or "")
end

-- One line a day; days without a change in a row are one line together.
local function lines_of(context, made, zone)
  local most, width, quiet, lines = 1, 3, 0, {}
  for _, day in ipairs(made.days) do
    most = math.max(most, day.on + day.off)
    width = math.max(width, #terminal.number(day.on), #terminal.number(day.off))
  end
  local function rest()
    if quiet > 0 then
      local text = ("%10s  %s without a change"):format("", terminal.count(quiet, "day"))
      lines[#lines + 1] = context.paint("dim", text)
    end
    quiet = 0
  end
  lines[1] = context.paint("dim", ("%-10s  %s  %s"):format("day", terminal.pad("on", width, true),
    terminal.pad("off", width, true)))
  for _, day in ipairs(made.days) do
    if day.on + day.off == 0 then
      quiet = quiet + 1
    else
      rest()
      lines[#lines + 1] = (("%s  %s  %s  %s%s"):format(zone:format(day.at, "%Y-%m-%d"),
        terminal.pad(terminal.number(day.on), width, true), terminal.pad(terminal.number(day.off), width, true),
        bar(context, day, most), names(day)):gsub(" +$", ""))
    end
  end
  rest()
  return lines
end

local function print_forecast(context, made, zone, ruleset)
  for _, line in ipairs(lines_of(context, made, zone)) do
    context:print(line)
  end
  local on, off, shadow, lasts = 0, 0, 0, false
  for _, day in ipairs(made.days) do
    on, off = on + day.on, off + day.off
  end
  for _, tag in ipairs(ruleset.tags) do
    shadow, lasts = shadow + (tag.shadow and 1 or 0), lasts or tag.lasts ~= nil
  end
  local records = made.records
  context:print(("records: %s read = %s decided + %s unknown + %s failed + %s rejected"):format(
    terminal.number(records.read), terminal.number(records.decided), terminal.number(records.unknown),
    terminal.number(records.failed), terminal.number(records.rejected)))
  if lasts then
    context:print("tags with lasts are counted as if they were put on at the start")
  end
  if shadow > 0 then
    context:print(terminal.count(shadow, "tag") .. " in the shadow not counted")
  end
  local sums = ("%s come on and %s go off in %s, beside what an apply at %s would change"):format(terminal.number(on),
    terminal.number(off), terminal.count(#made.days, "day"), zone:format(made.at, "%Y-%m-%d %H:%M"))
  context:print(context.paint("bold", sums))
end

local function as_json(context, made, zone)
  local json = require("tagua.json")
  local days = {}
  for i, day in ipairs(made.days) do
    days[i] = { day = zone:format(day.at, "%Y-%m-%d"), on = day.on, off = day.off, tags = json.array(day.tags) }
  end
  context:json({ at = zone:format(made.at), records = made.records, days = json.array(days) })
end

-- The days to look at.
local function days_of(context, ruleset, options, zone, at)
  local last = moment.read(context, ruleset, options["until"], "--until")
  if last <= at then
    context:fail(("--until: %s is over by %s: name a later day"):format(zone:format(last, "%Y-%m-%d"),
      zone:format(at, "%Y-%m-%d %H:%M")), "EUSAGE")
  end
  local days = forecast.days(zone, at, last)
  if #days > forecast.DAYS_MOST then
    context:fail(("--until: %s is more than %s away"):format(zone:format(last, "%Y-%m-%d"),
      terminal.count(forecast.DAYS_MOST, "day")), "EUSAGE")
  end
  return days
end

-- Chunks of the input, with the tags of the users where rules read them.
local function source_of(context, options, ruleset, input, book, matcher)
  local function next_chunk()
    return input:next()
  end
  if not ruleset.reads_tags then return next_chunk end
  local reader = context:check(core.record.reader({
    format = input.format, header = input:header(), delimiter = input.delimiter, id = options.id_column, fields = {},
  }))
  return function()
    local chunk, first_line = input:next()
    if not chunk then return nil end
    local ids, users, named, tagsets = {}, {}, {}, {}
    for _, record in ipairs(reader:read(chunk, first_line)) do
      ids[#ids + 1] = record.id
    end
    for i, user in ipairs(matcher and matcher:find(ids) or ids) do
      if user and user ~= "ambiguous" then
        users[#users + 1], named[#named + 1] = user, ids[i]
      end
    end
    for i, set in ipairs(context:check(book:tagsets(users))) do
      tagsets[named[i]] = set
    end
    return chunk, first_line, tagsets
  end
end

-- Says which fields will be others by then, and are not in the forecast.
local function note_windows(context, ruleset)
  local windows = {}
  for _, field in ipairs(ruleset.fields) do
    if field.aggregate and field.aggregate.within then windows[#windows + 1] = field.name end
  end
  if windows[1] then
    context:note(("taken as they stand at the first moment, though events leave their windows later: %s"):format(
      table.concat(windows, ", ")))
  end
end

return {
  name = "forecast",
  summary = "count who will come on and go off each day, if only time passes",
  description = "Decides every record for each day until the given one, at the day's first moment in the"
    .. " zone of the rules, and counts what changes from day to day: what the clock does alone. Sends"
    .. " nothing.",
  examples = {
    "tagua forecast rules.lua --users users.csv --until 2026-12-31",
    "tagua forecast rules.lua --users users.csv --at 2026-11-01 --until 2026-11-30 --json",
  },
  define = function(parser)
    planning.define_input(parser)
    parser:option("--until", "The last day, such as 2026-12-31."):argname("DATE"):count(1)
    planning.define_target(parser)
    moment.define(parser)
    parser:option("--jobs", "Processes that run the rules (one for each core)."):argname("N")
      :convert(values.whole("--jobs", 1, 256))
  end,

  run = function(context, options)
    local pool = context:pool({ jobs = options.jobs })
    local ruleset = context:check(pool:load({ path = options.rules }))
    local zone <close> = context:check(core.zone.open(ruleset.zone))
    local at = moment.now(context, ruleset, options)
    local days = days_of(context, ruleset, options, zone, at)
    local book
    if ruleset.reads_tags or options.match then
      require("tagua.command.pulling").ensure(context, options.to, false)
      book = context:book(options.to)
    end
    local matcher = options.match and context:check(book:matcher(options.match))
    local input = planning.open_input(context, options, ruleset, at, days)
    if not input.events then note_windows(context, ruleset) end
    context:check(pool:input({
      format = input.format, header = input:header(), delimiter = input.delimiter, id = options.id_column, at = at,
      days = days,
    }))
    local line = progress.line(context)
    local made, message, code = forecast.make({
      ruleset = ruleset, pool = pool, at = at, days = days,
      source = source_of(context, options, ruleset, input, book, matcher),
      starts = input.starts, users_of = matcher and function(ids) return matcher:find(ids) end,
      progress = function(count) line:update({ done = count, noun = "records" }) end,
    })
    line:finish()
    context:check(made, message, code)
    message, code = input:failure()
    if message then context:fail(message, code) end
    if options.json then
      as_json(context, made, zone)
    else
      print_forecast(context, made, zone, ruleset)
    end
  end,
}
