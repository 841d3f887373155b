--- Guards at the command line: the option that overrides one, what a plan is measured with, and the
-- refusal.
local guards = require("tagua.guards")
local terminal = require("tagua.terminal")
local values = require("tagua.command.values")

local M = {}

--- Defines --force.
-- @param parser
-- @tparam[opt] {string,...} names of guards, those of plans unless told
function M.define(parser, names)
  names = names or guards.names
  parser:option("--force", "Go on where this guard refuses: " .. table.concat(names, ", ")
    .. "; once for each."):argname("GUARD"):convert(values.one_of("--force", names)):count("*")
end

--- Adds to a plan what it costs, how many hold each tag now, and what guards say of it.
-- @tparam context context
-- @tparam string name the connection
-- @tparam table plan `tags`, `operations`, `calls`, and `records` where there are any
-- @tparam[opt] table more `bounds` (of the rule file), `rules` (its name, for the last run's records)
function M.measure(context, name, plan, more)
  more = more or {}
  local settings, book = context:settings(name), context:book(name)
  plan.per_second = settings.rate and settings.rate.per_second
  require("tagua.cost").add(plan, settings.message_cost)
  local sizes = context:check(book:tag_sizes())
  local undone = more.rules and context:check(book:undone(more.rules)) or {}
  for _, tag in ipairs(plan.tags) do
    local size = sizes[tag.id or ""]
    tag.holders = size and size.users or 0
    tag.undone = undone[tag.id or ""] or 0
  end
  local last, message, code
  if more.rules then
    last, message, code = book:reading(more.rules)
    if message then
      context:fail(message, code)
    end
  end
  plan.refusals = guards.check(plan, guards.limits(more.bounds, settings.guards), last)
end

--- Ends the command where a guard refuses; says which refusals were overridden.
-- @tparam context context
-- @tparam table options `force`
-- @tparam table plan measured
function M.ask(context, options, plan)
  local _, refused = guards.standing(plan.refusals, options.force)
  if refused then
    context:fail(refused, "EGUARD")
  end
  for _, refusal in ipairs(plan.refusals) do
    context:note(("forced: %s: %s"):format(refusal.guard, terminal.visible(refusal.message)))
  end
end

return M
