--- One rule file on several connections: every plan is made and shown before the first request of any
-- is sent, and the question is asked once.
local M = {}

--- Reads --to, which may be there several times.
-- @tparam context context
-- @tparam table options; `to` is the one connection afterwards, nil where none was named
-- @treturn {string,...} the connections
function M.targets(context, options)
  local names, seen = {}, {}
  for _, name in ipairs(options.to) do
    if seen[name] then context:fail(("--to names '%s' twice"):format(name), "EUSAGE") end
    seen[name], names[#names + 1] = true, name
  end
  options.to = names[1]
  if #names > 1 and options.users == "-" then
    context:fail("standard input can be read once: with several --to, name a file of users", "EUSAGE")
  end
  return #names > 0 and names or { "local" }
end

--- Calls a function for each connection, with the options that it would have alone.
-- @tparam context context
-- @tparam table options
-- @tparam {string,...} names
-- @tparam function work (options, position) -> its result
-- @treturn {any,...} the results
function M.each(context, options, names, work)
  local results = {}
  for i, name in ipairs(names) do
    local own = {}
    for key, value in pairs(options) do
      own[key] = value
    end
    own.to = name
    if #names > 1 and not options.json then
      context:print((i > 1 and "\n" or "") .. context.paint("bold", context:account(name)))
    end
    results[i] = work(own, i)
  end
  return results
end

return M
