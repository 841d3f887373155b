--- What the tests of a rule file, and a sample of real users, never reached: which rules, which decisions,
-- which lines. Owns how that is measured and told.
local planning = require("tagua.command.planning")
local terminal = require("tagua.terminal")

local M = {}

local LETTERS = { ["+"] = "true", ["-"] = "false", ["."] = "leave" }

-- Notes that a tag was decided so by the tests or by the users.
local function note(seen, tag, what)
  seen[tag] = seen[tag] or {}
  seen[tag][what] = true
end

-- What the tests expected of each tag, where it came so; what nobody expects is not tested.
local function seen_by_tests(ruleset, tests)
  local seen, members = {}, {}
  for _, group in ipairs(ruleset.groups) do
    members[group.name] = group.tags
  end
  local positions = {}
  for i, tag in ipairs(ruleset.tags) do
    positions[tag.name] = i
  end
  for _, test in ipairs(tests) do
    for _, entry in ipairs(test.tags) do
      local winner = entry.actual:match('^"(.*)"$')
      for _, index in ipairs(members[entry.name] or { positions[entry.name] }) do
        if winner then
          note(seen, index, winner == ruleset.tags[index].name and "true" or "false")
        elseif entry.actual == "true" or entry.actual == "false" or entry.actual == "leave" then
          note(seen, index, entry.actual)
        else
          note(seen, index, "nothing")
        end
      end
    end
  end
  return seen
end

-- Decides the sample -> what it made of each tag, and how many users there were.
local function seen_by_users(context, options, pool, ruleset, at)
  local input = planning.open_sample(context, options, ruleset, at)
  context:check(pool:input({
    format = input.format, header = input:header(), delimiter = input.delimiter, id = options.id_column, at = at,
  }))
  local seen, users = {}, 0
  local next_block = pool:decide(function()
    if context:interrupted() then input:stop() end
    return input:next()
  end)
  while true do
    local block, message, code = next_block()
    if not block then
      if message then context:fail(message, code) end
      break
    end
    users = users + block.n
    for r = 1, block.n do
      for i = 1, #ruleset.tags do
        local what = LETTERS[block.wants[r]:sub(i, i)]
        if what then note(seen, i, what) end
      end
    end
  end
  local message, code = input:failure()
  if message then context:fail(message, code) end
  return seen, users, input.name
end

local function set_of(taken)
  local set = {}
  for file, lines in pairs(taken) do
    for _, line in ipairs(lines) do
      set[file .. ":" .. line] = true
    end
  end
  return set
end

-- The lines of all rules, and by whom each was reached.
local function lines_of(study, by_tests, by_users)
  local lines, known = {}, {}
  local function add(functions)
    for _, f in ipairs(functions) do
      for _, line in ipairs(f.lines) do
        local key = f.file .. ":" .. line
        if not known[key] then
          known[key] = true
          local users
          if by_users then users = by_users[key] or false end
          lines[#lines + 1] = { file = f.file, line = line, tests = by_tests[key] or false, users = users }
        end
      end
    end
  end
  for _, rule in ipairs(study.rules) do
    add(rule.functions)
  end
  add(study.shared)
  table.sort(lines, function(a, b)
    if a.file ~= b.file then return a.file < b.file end
    return a.line < b.line
  end)
  return lines
end

--- Runs the tests, and decides the sample where --users names one, and measures.
-- @tparam context context
-- @tparam table options
-- @tparam table pool of one worker, with the rules loaded
-- @tparam table ruleset
-- @tparam integer at the moment that is now
-- @treturn {table,...} the tests' results
-- @treturn table `rules` { name, kind, file, line, tested, tags = { {name, tests, users} } } with the decisions seen
--   as sets; `lines` { file, line, tests, users }; `users`, how many, and `sample`, of what
function M.measure(context, options, pool, ruleset, at)
  local study = context:check(pool:ask({ study = true }))
  context:check(pool:ask({ cover = true }))
  local worker = pool:pids()[1]
  local tests = context:check(pool:test({ at = at }))
  local by_tests = set_of(context:check(pool:ask({ cover = true })))
  local in_tests, in_users, by_users = seen_by_tests(ruleset, tests), nil, nil
  local covered = { rules = {} }
  if options.users then
    in_users, covered.users, covered.sample = seen_by_users(context, options, pool, ruleset, at)
    by_users = set_of(context:check(pool:ask({ cover = true })))
  end
  if pool:pids()[1] ~= worker then
    context:fail("a rule ended its worker, and what was reached before went with it: tagua check --users names it",
      "ERULES")
  end
  for i, rule in ipairs(ruleset.rules) do
    local told = { name = rule.name, kind = rule.kind, file = rule.file, line = rule.line, tested = false, tags = {} }
    for index = rule.first, rule.first + rule.count - 1 do
      told.tested = told.tested or in_tests[index] ~= nil
      told.tags[#told.tags + 1] = {
        name = ruleset.tags[index].name, tests = in_tests[index] or {},
        users = in_users and (in_users[index] or {}),
      }
    end
    covered.rules[i] = told
  end
  covered.lines = lines_of(study, by_tests, by_users)
  return tests, covered
end

local function decisions(seen)
  local words = {}
  for _, word in ipairs({ "true", "false", "leave" }) do
    if seen[word] then words[#words + 1] = word end
  end
  return words
end

local function missing(seen)
  if seen["true"] and seen["false"] then return nil end
  if seen["true"] then return "never false" end
  return seen["false"] and "never true" or "never decided"
end

-- The text of a line of the rules.
local function text_of(file, place)
  local source = place.file == file.name and file.source
  for _, parts in pairs(not source and file.includes or {}) do
    for _, part in ipairs(parts) do
      if part.name == place.file then source = part.source end
    end
  end
  local number = 0
  for line in ((source or "") .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    if number == place.line then return terminal.clip(terminal.visible(line:match("^%s*(.-)%s*$")), 60) end
  end
  return ""
end

--- The lines that people read: what was never reached, then the sums.
-- @tparam table covered
-- @tparam table tests
-- @tparam table file the rule file as `tagua.rules.ruleset` reads it
-- @tparam function paint
-- @treturn {string,...}
function M.lines(covered, tests, file, paint)
  local whom = terminal.count(#tests, "test")
  if covered.users then whom = ("%s, %s of %s"):format(whom, terminal.count(covered.users, "user"), covered.sample) end
  local lines = { "", paint("bold", "coverage: " .. terminal.visible(whom)) }
  local sums = { rules = 0, seen = 0, all = 0, reached = 0 }
  local rows = {}
  for _, rule in ipairs(covered.rules) do
    local where = ("%s:%d"):format(terminal.visible(rule.file), rule.line)
    sums.rules = sums.rules + (rule.tested and 1 or 0)
    if not rule.tested then
      rows[#rows + 1] = { where, ("%s '%s'"):format(rule.kind, terminal.visible(rule.name)), "no test expects it" }
    end
    for _, tag in ipairs(rule.tags) do
      sums.all = sums.all + 2
      sums.seen = sums.seen + (tag.tests["true"] and 1 or 0) + (tag.tests["false"] and 1 or 0)
      local in_tests = rule.tested and missing(tag.tests)
      local in_users = tag.users and missing(tag.users)
      local parts = {}
      if in_tests then parts[1] = in_tests .. " in a test" end
      if in_users then parts[#parts + 1] = in_users .. " for a user" end
      if parts[1] then
        rows[#rows + 1] = { where, ("'%s'"):format(terminal.visible(tag.name)), table.concat(parts, ", ") }
      end
    end
  end
  for _, line in ipairs(covered.lines) do
    sums.reached = sums.reached + (line.tests and 1 or 0)
    if not line.tests or line.users == false then
      local by = line.tests and "no user" or line.users == false and "no test and no user" or "no test"
      rows[#rows + 1] = {
        ("%s:%d"):format(terminal.visible(line.file), line.line), text_of(file, line), by .. " reaches it",
      }
    end
  end
  for _, line in ipairs(terminal.columns(rows)) do
    lines[#lines + 1] = "  " .. line
  end
  lines[#lines + 1] = ("tests reach %d of %s, %d of %s true and false, %d of %s"):format(sums.rules,
    terminal.count(#covered.rules, "rule"), sums.seen, terminal.count(sums.all, "decision"), sums.reached,
    terminal.count(#covered.lines, "line"))
  return lines
end

--- What programs read.
-- @tparam table covered
-- @treturn table
function M.told(covered)
  local json = require("tagua.json")
  local rules, lines = {}, {}
  for i, rule in ipairs(covered.rules) do
    local tags = {}
    for j, tag in ipairs(rule.tags) do
      tags[j] = {
        name = tag.name, tests = json.array(decisions(tag.tests)),
        users = tag.users and json.array(decisions(tag.users)),
      }
    end
    rules[i] = {
      name = rule.name, kind = rule.kind, file = rule.file, line = rule.line, tested = rule.tested,
      tags = json.array(tags),
    }
  end
  for i, line in ipairs(covered.lines) do
    lines[i] = { file = line.file, line = line.line, tests = line.tests, users = line.users }
  end
  return { rules = json.array(rules), lines = json.array(lines), users = covered.users, sample = covered.sample }
end

return M
