--- The rules of the last run, made ready to decide beside those of today.
local aggregates = require("tagua.events.aggregates")

local M = {}

-- Whether rules read fields that the records of others don't have, which were made from events for those.
local function asks_more(former, ruleset)
  local told = {}
  local function key(field)
    return field.aggregate and aggregates.key(field.aggregate) or field.source
  end
  for _, field in ipairs(ruleset.fields) do
    told[field.name] = key(field)
  end
  for _, field in ipairs(former.fields) do
    if field.type ~= "tagset" and told[field.name] ~= key(field) then return true end
  end
  return false
end

--- Finds them and sets their input.
-- @tparam context context
-- @tparam table options of plan or apply
-- @tparam table job `book`, `ruleset`, `at`, `input`
-- @tparam table input what `pool:input` takes
-- @treturn ?table as `tagua.former` takes it; nil where the rule file was never applied on this connection
function M.open(context, options, job, input)
  local last, message, code = job.book:last_rules(options.rules)
  if not last then
    if message then context:fail(message, code) end
    return nil
  end
  local found = { run = last.run, created = last.created }
  if last.hash == job.ruleset.hash then
    found.same = true
    return found
  end
  local file
  file, message, code = job.book:rule_text(last.hash)
  if not file then
    if message then context:fail(message, code) end
    found.problem = "the rules of then were not kept"
    return found
  end
  local pool = context:keep(require("tagua.rules.pool").start({ jobs = options.jobs }))
  found.ruleset, message = pool:load({ source = file.source, name = file.name, includes = file.includes })
  if found.ruleset and job.input.events and asks_more(found.ruleset, job.ruleset) then
    message = "the rules of then asked for something else of the events"
  elseif found.ruleset then
    local ok
    ok, message = pool:input(input)
    found.pool = ok and pool
  end
  found.problem = not found.pool and message or nil
  return found
end

return M
