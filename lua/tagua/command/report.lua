--- tagua report: what was put on and taken off and what the messages cost, by run, tag or month.
local core = require("tagua.core")
local terminal = require("tagua.terminal")
local values = require("tagua.command.values")

local HEADS = { run = "run", tag = "tag", month = "month" }

-- The rows and their sum as a table for people.
local function show(context, by, rows, total)
  local money = total.priced
  local lines = { { HEADS[by], "on", "off", "failed", money and "messages" or nil } }
  for i = 1, #rows + 1 do
    local row = rows[i] or total
    lines[#lines + 1] = {
      terminal.visible(row.label), terminal.number(row.on), terminal.number(row.off), terminal.number(row.failed),
      money and ("%.2f"):format(row.money) or nil,
    }
  end
  local sides = { [2] = "right", [3] = "right", [4] = "right", [5] = "right" }
  for i, line in ipairs(terminal.columns(lines, sides, { [1] = 60 })) do
    context:print(i == 1 and context.paint("dim", line) or i == #lines and context.paint("bold", line) or line)
  end
end

return {
  name = "report",
  summary = "sum up what was done and what the messages cost",
  description = "Sums up what was put on and taken off, and what the messages cost that the tags set off, at the"
    .. " price (message_cost) that the connection had at the run; by run, by tag, or by month in the"
    .. " connection's zone.",
  examples = {
    "tagua report --to shop",
    "tagua report --by month --to shop",
    "tagua report --by tag --since 2026-11-01",
  },
  define = function(parser)
    parser:option("--to", "The connection (local)."):argname("CONNECTION")
      :convert(values.connection):default("local"):show_default(false)
    parser:option("--by", "run, tag or month (run)."):argname("WHAT")
      :convert(values.one_of("--by", { "run", "tag", "month" })):default("run"):show_default(false)
    parser:option("--since", "From this moment on, in the connection's zone: \"2026-11-01\"."):argname("TIME")
  end,

  run = function(context, options)
    local settings, book = context:settings(options.to), context:book(options.to)
    local zone <close> = context:check(core.zone.open(settings.zone))
    local since = options.since
      and require("tagua.command.moment").read(context, settings, options.since, "--since")
    local first, message, code = book:first_run()
    if message then
      context:fail(message, code)
    end
    local rows = first and context:check(book:spending({
      by = options.by,
      since = since,
      months = require("tagua.months").between(zone, first, context:now()),
    })) or {}
    local total = { label = "in all", on = 0, off = 0, failed = 0, money = 0, priced = false }
    for _, row in ipairs(rows) do
      for _, key in ipairs({ "on", "off", "failed", "money" }) do
        total[key] = total[key] + row[key]
      end
      total.priced = total.priced or row.priced
    end
    if options.json then
      local json, list = require("tagua.json"), {}
      for i, row in ipairs(rows) do
        list[i] = { [options.by] = row.label, on = row.on, off = row.off, failed = row.failed,
          money = row.priced and row.money or nil }
      end
      context:json({ connection = options.to, by = options.by, rows = json.array(list), on = total.on, off = total.off,
        failed = total.failed, money = total.priced and total.money or nil })
    elseif #rows == 0 then
      context:print("nothing was done yet")
    else
      show(context, options.by, rows, total)
    end
  end,
}
