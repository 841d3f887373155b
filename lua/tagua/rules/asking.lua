--- Asking one rule about records that nobody has: what it wants, which fields it read, which line decided.
-- Runs inside the sandbox as part of the trusted prelude, and in the caller's own state.
-- @module tagua.rules.asking
local fields = require("tagua.rules.fields")

local M = {}

local getinfo, sethook = debug.getinfo, debug.sethook

-- Notes the last line that ran of the rule's own functions; of another function of the file only
-- where the rule had none of its own.
local function follow(language, rule)
  local own, last = {}, {}
  for _, decide in ipairs(rule.functions) do
    own[decide] = true
  end
  sethook(function(_, line)
    local info = getinfo(2, "Sf")
    local file = language.sources[info.source]
    if file then last[own[info.func] and "own" or "other"] = { line = line, file = file } end
  end, "l")
  return last
end

-- Hands a made-up record to the decider.
local function fill(language, record)
  local decider = language.decider
  for i, field in ipairs(language.fields) do
    local value, state = record.values[field.name], record.states[field.name]
    if value ~= nil then
      decider:set(i, field.type == "tagset" and fields.convert(field, value) or value)
    elseif state == "bad" then
      decider:bad(i)
    elseif state == "absent" then
      decider:absent(i)
    else
      decider:empty(i)
    end
  end
end

-- One record, one rule.
local function ask(language, request, record)
  local decider, rule = language.decider, language.rules[request.rule]
  fill(language, record)
  local last = request.trace and follow(language, rule)
  local wants, unknown, failed = decider:decide(request.rule)
  if last then sethook() end
  local answer = { wants = wants:sub(rule.first, rule.first + rule.count - 1) }
  local missing = language.fields[unknown[rule.first]]
  answer.unknown = missing and missing.name
  answer.failed = failed[1] and failed[1].message
  if last then
    local place = last.own or last.other or {}
    answer.line, answer.file = place.line, place.file
    answer.reads = {}
    local reads = decider:reads()
    for i, field in ipairs(language.fields) do
      if reads[i] then answer.reads[#answer.reads + 1] = field.name end
    end
  end
  return answer
end

--- Answers a request.
-- @tparam table language
-- @tparam table request `rule` (its position), `at` (the moment that is now), `records`: each
--   `values` { [field] = value of its type, a set of tags as a list }, `states` { [field] = "bad" | "absent" };
--   a field that is in neither is empty; `trace`: tell which fields were read, and the line that decided
-- @treturn {table,...} for each record `wants` (one byte for each tag of the rule), `unknown` (the field
--   without a value), `failed` (the message), `line`, `file`, `reads`. A rule that takes too long, or too much
--   memory, is asked no more: the answers end with the one that says so.
function M.answer(language, request)
  local answers = {}
  language.decider:trace(request.trace)
  language.clock(request.at)
  for i, record in ipairs(request.records) do
    answers[i] = ask(language, request, record)
    if answers[i].failed and answers[i].failed:find(" ran out of ", 1, true) then break end
  end
  language.clock(nil)
  language.decider:trace(false)
  return answers
end

return M
