--- Notes which lines of a rule file run, while somebody asks for it: a hook for each line is far too dear for
-- every run. Runs inside the sandbox as part of the trusted prelude.
-- @module tagua.rules.coverage
local M = {}

local getinfo, sethook = debug.getinfo, debug.sethook

--- Notes from now on which lines run, and gives those that have run since this was last asked.
-- @tparam table language
-- @treturn {[string]={integer,...}} lines by file
function M.take(language)
  local taken = {}
  for source, lines in pairs(language.covered or {}) do
    local list = {}
    for line in pairs(lines) do
      list[#list + 1] = line
    end
    table.sort(list)
    taken[language.sources[source]] = list
  end
  local covered = {}
  for source in pairs(language.sources) do
    covered[source] = {}
  end
  language.covered = covered
  sethook(function(_, line)
    local lines = covered[getinfo(2, "S").source]
    if lines then lines[line] = true end
  end, "l")
  return taken
end

return M
