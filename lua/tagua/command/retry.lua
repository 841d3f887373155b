--- tagua retry: tries again what failed in a run.
local again = require("tagua.command.again")

return {
  name = "retry",
  summary = "try again what failed in a run",
  description = "Plans the operations that failed in a run once more, asks, and carries them out. Left out"
    .. " is what came to be as wanted since, and what nobody knows the effect of.",
  examples = { "tagua retry 12", "tagua retry 12 --yes" },
  catches_signals = true,
  define = again.define,

  run = function(context, options)
    return again.run(context, options, "retry", function(run)
      local left_out = context:check(run:retry(options.run))
      return {
        { left_out.settled, "left out, since as wanted by now, or not known: %s" },
        { left_out.ambiguous, "left out, since nobody knows what became of it (look in the console, then pull): %s" },
      }
    end)
  end,
}
