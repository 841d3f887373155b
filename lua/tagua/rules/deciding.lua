--- What the rules of one file want of one record: in the caller's own state and, as part of the trusted prelude,
-- in a worker.
-- @module tagua.rules.deciding
local filling = require("tagua.rules.filling")
local windows = require("tagua.rules.windows")

local M = {}

-- Where one rule has failed, all of its tags have.
local function fail(language, rule, message, failed)
  for tag = rule.first, rule.first + rule.count - 1 do
    failed[language.tags[tag].name] = message
  end
end

-- The bytes of the tags `first` to `last`, as a decision.
local function take(language, wants, unknown, first, last, decision, info)
  for i = first, last do
    local name, want = language.tags[i].name, wants:sub(i, i)
    if want == "+" or want == "-" then
      decision[name] = want == "+"
    elseif want == "?" then
      local field = language.fields[unknown[i]]
      info.unknown[name] = field and field.name or "?"
    elseif want == "!" then
      info.failed[name] = "failed"
    end
  end
end

-- One rule, or all of them.
local function run(language, number, at, decision, info)
  local rule = language.rules[number]
  local first, last = 1, #language.tags
  if rule then first, last = rule.first, rule.first + rule.count - 1 end
  local wants, unknown, failed = language.decider:decide(number)
  take(language, windows.apply(language.tags, wants, at), unknown, first, last, decision, info)
  for _, failure in ipairs(failed) do
    fail(language, language.rules[failure.rule], failure.message, info.failed)
  end
end

--- What a record has for each field.
-- @tparam {table,...} fields
-- @tparam table record values by the fields' columns or, where it has none, by their names
-- @tparam ?function as makes a value into another, which may depend on the field
-- @treturn table by the fields' positions
function M.values(fields, record, as)
  local values = {}
  for i, field in ipairs(fields) do
    local value = record[field.source]
    if value == nil then value = record[field.name] end
    if value ~= nil and as then value = as(field, value) end
    values[i] = value
  end
  return values
end

--- Decides one record.
-- @tparam table language a rule file's, finished
-- @tparam table values as `values` gives them
-- @tparam integer at seconds since the epoch
-- @tparam ?{[integer]=string} skip rules (their positions) that are not run, and why
-- @tparam ?integer only the one rule that is
-- @treturn table { [tag] = true | false }
-- @treturn table `unknown` { [tag] = field }, `failed` { [tag] = message }
function M.decide(language, values, at, skip, only)
  for i, field in ipairs(language.fields) do
    filling.put(language, i, field, values[i])
  end
  local decision, info = {}, { unknown = {}, failed = {} }
  language.clock(at)
  if not skip and not only then
    run(language, nil, at, decision, info)
  else
    for number, rule in ipairs(language.rules) do
      local reason = skip and skip[number]
      if reason then
        fail(language, rule, ("%s: %s '%s' %s"):format(rule.where, rule.kind, rule.name, reason), info.failed)
      elseif not only or only == number then
        run(language, number, at, decision, info)
      end
    end
  end
  language.clock(nil)
  return decision, info
end

--- Decides a record in a worker.
-- @tparam table language
-- @tparam table request `values`, `at`, `skip`, `only`
-- @treturn table { tags, info }
function M.answer(language, request)
  return { M.decide(language, request.values, request.at, request.skip, request.only) }
end

return M
