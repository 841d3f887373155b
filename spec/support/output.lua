--- What a run of the specs prints: busted's own terminal output, and the counts for `.ci/run`.
local busted = require("busted")

--- Makes the output handler; adds "passed failed skipped" to the file that TAGUA_COUNTS names.
return function(options)
  local handler = require("busted.outputHandlers.utfTerminal")(options)
  local path = os.getenv("TAGUA_COUNTS")
  if path then
    busted.subscribe({ "suite", "end" }, function()
      local file = assert(io.open(path, "a"))
      file:write(("%d %d %d\n"):format(handler.successesCount, handler.failuresCount + handler.errorsCount,
        handler.pendingsCount))
      file:close()
      return nil, true
    end)
  end
  return handler
end
