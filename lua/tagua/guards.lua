--- Guards: what a plan must not do without somebody saying so by name. Pure: looks at a plan and at
-- the last run's sums, and says in numbers what is out of bounds.
-- Runs inside the sandbox too, where a rule file says `guards { ... }`.
-- @module tagua.guards
local terminal = require("tagua.terminal")

local M = {}

local number = terminal.number

--- The names for `--force`, in the order in which refusals are told.
M.names = { "input", "losses", "growth", "operations", "minutes", "cost" }

--- Those that look at deletions of tags.
M.deletion_names = { "children", "holders" }

--- The bounds that hold unless a rule file or a connection says otherwise.
M.defaults = {
  loss_share = 0.3, loss_users = 10, growth = 2, growth_from = 100, input_share = 0.5,
  delete_holders = 0, delete_children = 0,
}

-- No rule file is asked when a tag is deleted: these are the connection's alone.
local function none_or_more(value)
  if value ~= false and (value == true or value < 0) then
    return "must be 0 or more, or false to switch the guard off"
  end
  return nil
end

local function share(value)
  if value ~= false and (value == true or value < 0 or value > 1) then
    return "must be a share from 0 to 1, such as 0.3, or false to switch the guard off"
  end
  return nil
end

local function positive(value)
  if value ~= false and (value == true or value <= 0) then
    return "must be more than 0, or false to switch the guard off"
  end
  return nil
end

--- The options of `guards`, as tagua.options takes them.
M.options = {
  loss_share = { type = { "number", "boolean" }, check = share },
  loss_users = { type = "integer", min = 0 },
  growth = { type = { "number", "boolean" }, check = positive },
  growth_from = { type = "integer", min = 0 },
  input_share = { type = { "number", "boolean" }, check = share },
  max_operations = { type = { "integer", "boolean" }, check = positive },
  max_minutes = { type = { "number", "boolean" }, check = positive },
  max_cost = { type = { "number", "boolean" }, check = positive },
}

--- The options of a connection's `guards`: the same, and those that no rule file has a say in.
M.connection_options = {}
for name, rule in pairs(M.options) do
  M.connection_options[name] = rule
end
for _, name in ipairs({ "delete_holders", "delete_children" }) do
  M.connection_options[name] = { type = { "integer", "boolean" }, check = none_or_more }
end

--- The bounds that hold: the rule file's, else the connection's, else the defaults.
-- @tparam ?table of_rules
-- @tparam ?table of_connection
-- @treturn table
function M.limits(of_rules, of_connection)
  local limits = {}
  for name in pairs(M.connection_options) do
    for _, from in ipairs({ of_rules or {}, of_connection or {}, M.defaults }) do
      if limits[name] == nil then
        limits[name] = from[name]
      end
    end
  end
  return limits
end

local function percent(part, whole)
  return ("%.0f%%"):format(100 * part / whole)
end

local function losses(refuse, plan, limits)
  for _, tag in ipairs(limits.loss_share and not plan.takes_back and plan.tags or {}) do
    local holders = tag.holders or 0
    if tag.off > limits.loss_users and tag.off > limits.loss_share * holders then
      refuse("losses", "'%s' would come off %s of the %s users who have it (%s; up to %s, or %s users, pass)", tag.name,
        number(tag.off), number(holders), percent(tag.off, math.max(holders, tag.off)),
        percent(limits.loss_share, 1), number(limits.loss_users))
    end
  end
end

local function growth(refuse, plan, limits)
  for _, tag in ipairs(limits.growth and not plan.takes_back and plan.tags or {}) do
    local holders = tag.holders or 0
    local after = holders + tag.on - tag.off
    -- What a run that was cut off was to do has passed already: another goes on with it.
    if holders >= limits.growth_from and after > limits.growth * (holders + (tag.undone or 0)) then
      refuse("growth", "'%s' would go from %s to %s users (%.1f times as many; up to %g times pass)", tag.name,
        number(holders), number(after), after / math.max(holders, 1), limits.growth)
    end
  end
end

local function input(refuse, plan, limits, last)
  local read = plan.records and plan.records.read
  if not read or not limits.input_share then
    return
  elseif read == 0 then
    refuse("input", "the input has no records")
  elseif last and read < limits.input_share * last then
    refuse("input", "the input has %s records, the last run had %s (%s; from %s on pass)", number(read), number(last),
      percent(read, last), percent(limits.input_share, 1))
  end
end

local function size(refuse, plan, limits)
  if limits.max_operations and plan.operations > limits.max_operations then
    refuse("operations", "the plan has %s operations (max_operations is %s)", number(plan.operations),
      number(limits.max_operations))
  end
  local minutes = plan.per_second and plan.calls / plan.per_second / 60
  if limits.max_minutes and minutes and minutes > limits.max_minutes then
    refuse("minutes", "the plan takes about %.1f minutes (max_minutes is %g)", minutes, limits.max_minutes)
  end
  if limits.max_cost and (plan.money or 0) > limits.max_cost then
    refuse("cost", "the messages that it sets off cost %.2f (max_cost is %g)", plan.money, limits.max_cost)
  end
end

--- What is out of bounds.
-- @tparam table plan from `tagua.plan`: `tags` (`name`, `on`, `off`, `holders`: users who have it now,
--   `undone`: those whom the last run was to give it and did not), `operations`, `calls`, `per_second`,
--   `money`, `records.read`, `takes_back`: it is the reverse of what a run did, so that nobody loses or gets
--   what they had or had not before it
-- @tparam table limits from `limits`
-- @tparam ?integer last the number of records that the last run read
-- @treturn {table,...} `{ guard =, message = }`, none when everything is in bounds
function M.check(plan, limits, last)
  local refusals = {}
  local function refuse(guard, format, ...)
    refusals[#refusals + 1] = { guard = guard, message = format:format(...) }
  end
  input(refuse, plan, limits, last)
  losses(refuse, plan, limits)
  growth(refuse, plan, limits)
  size(refuse, plan, limits)
  return refusals
end

--- What is out of bounds in a plan that deletes tags and folders.
-- @tparam {table,...} targets `name`, `kind`, `holders` (nil where the platform does not show them),
--   `children` (names that are known; of a folder), `given`: named by the person, not as a child
-- @tparam table limits from `limits`
-- @treturn {table,...} as `check`
function M.check_deletion(targets, limits)
  local refusals = {}
  local function refuse(guard, format, ...)
    refusals[#refusals + 1] = { guard = guard, message = format:format(...) }
  end
  for _, target in ipairs(limits.delete_children and targets or {}) do
    local children = target.given and target.kind == "folder" and target.children
    if children and (#children > limits.delete_children or not target.shown) then
      local named = #children > 0 and (" (%s)"):format(table.concat(children, ", ")) or ""
      refuse("children", "the folder '%s' holds %s that Tagua knows of%s%s", target.name,
        #children == 0 and "nothing" or number(#children), named,
        target.shown and "" or ", and the platform does not show whether it holds more: look in its console")
    end
  end
  for _, target in ipairs(limits.delete_holders and targets or {}) do
    if target.kind == "tag" and not target.holders then
      refuse("holders", "the platform does not show who has '%s': look in its console", target.name)
    elseif (target.holders or 0) > limits.delete_holders then
      refuse("holders", "'%s' is on %s, who would lose it (%s pass)", target.name,
        terminal.count(target.holders, "user"), number(limits.delete_holders))
    end
  end
  return refusals
end

--- The refusals that nobody has overridden.
-- @tparam {table,...} refusals from `check`
-- @tparam ?{string,...} forced names
-- @treturn {table,...} the refusals that stand
-- @treturn ?string what to say: the guards, the numbers, and how to override them
function M.standing(refusals, forced)
  local over, standing, lines, options, told = {}, {}, {}, {}, {}
  for _, name in ipairs(forced or {}) do
    over[name] = true
  end
  for _, refusal in ipairs(refusals) do
    if not over[refusal.guard] then
      standing[#standing + 1] = refusal
      lines[#lines + 1] = ("  %s: %s"):format(refusal.guard, refusal.message)
      if not told[refusal.guard] then
        told[refusal.guard] = true
        options[#options + 1] = "--force " .. refusal.guard
      end
    end
  end
  if #standing == 0 then
    return standing
  end
  local text = "a guard refused the plan, and nothing of it was sent:\n%s\nif that is what you want, add %s"
  return standing, text:format(table.concat(lines, "\n"), table.concat(options, " "))
end

return M
