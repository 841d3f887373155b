--- tagua drift: whether people changed in the console what was last applied.
local errors = require("tagua.errors")
local terminal = require("tagua.terminal")
local values = require("tagua.command.values")

return {
  name = "drift",
  summary = "tell whether the platform differs from what was last applied",
  description = "Pulls, and lists what people put on or took off in the console since the last apply, of"
    .. " the tags that Tagua deals with. Exits 1 when there is anything: for cron.",
  examples = { "tagua drift shop", "tagua drift shop || mail -s 'tags were changed' ops < /dev/null" },
  catches_signals = true,
  define = function(parser)
    parser:argument("connection", "The connection (local)."):argname("CONNECTION"):args("?")
      :convert(values.connection)
  end,

  run = function(context, options)
    local name = options.connection or "local"
    require("tagua.command.pulling").ensure(context, name, true)
    local drift = context:check(context:book(name):drift())
    local total = drift.put_on + drift.taken_off
    if options.json then
      context:json({ connection = name, put_on = drift.put_on, taken_off = drift.taken_off,
        changes = require("tagua.json").array(drift.changes) })
    else
      for _, change in ipairs(drift.changes) do
        local on = change.done == "put on"
        context:print(("%s %s %s in the console"):format(
          context.paint(on and "green" or "red", (on and "+ " or "- ") .. terminal.visible(change.tag)),
          terminal.visible(change.user), change.done))
      end
      local more = total - #drift.changes
      context:print(total == 0 and ("%s has what was last applied"):format(name)
        or ("%s: %s put on and %s taken off in the console since%s"):format(name,
          terminal.count(drift.put_on, "tag"), terminal.number(drift.taken_off),
          more > 0 and (", %s of them not listed"):format(terminal.number(more)) or ""))
    end
    return total > 0 and errors.EXIT_FAILED or errors.EXIT_DONE
  end,
}
