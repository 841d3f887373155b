--- One user's record out of an input, as the rules see it.
local core = require("tagua.core")

local M = {}

local SAMPLED = 1000 -- records whose texts are remembered
local TEXTS_MOST = 100 -- of one field

-- Remembers the texts that the input has, by field.
local function sample(found, ruleset, records)
  for i = 1, math.min(#records, SAMPLED) do
    for _, field in ipairs(ruleset.fields) do
      local text = field.type == "text" and records[i].values and records[i].values[field.name]
      local list = text and (found.samples[field.name] or {})
      if list and not list[text] and #list < TEXTS_MOST then
        found.samples[field.name] = list
        list[#list + 1], list[text] = text, true
      end
    end
  end
end

-- The records of a chunk that are the user's, by id or by what the id column holds of them.
local function pick(records, user, matcher)
  local ids, users = {}, nil
  for i, record in ipairs(records) do
    ids[i] = record.id or ""
  end
  if matcher then users = matcher:find(ids) end
  for i, record in ipairs(records) do
    if record.id and (record.id == user or users and users[i] == user) then
      return record, users and users[i] or record.id
    end
  end
end

-- Whether the id may be in the chunk: plain ids stand there as they are, unless a text is escaped.
local function may_hold(chunk, user)
  return user:find("[^%w_-]") or chunk:find(user, 1, true) or chunk:find("\\u", 1, true)
end

--- Finds the record.
-- @tparam context context
-- @tparam table job `ruleset`, `input` (see tagua.input), `id_column`, `zone`, `matcher` (where the id column
--   holds something else), `user`
-- @treturn table `line`, `user` (the id on the platform, or nil where the record matches nobody), `record`
--   { values, states }, `samples` { [field] = texts that the input has }
function M.find(context, job)
  local input, fields = job.input, {}
  for _, field in ipairs(job.ruleset.fields) do
    if field.type ~= "tagset" then fields[#fields + 1] = field end
  end
  local reader = context:check(core.record.reader({
    format = input.format, header = input:header(), delimiter = input.delimiter, id = job.id_column,
    fields = fields, zone = job.zone,
  }))
  local found, first = { samples = {} }, true
  while true do
    local chunk, line = input:next()
    if not chunk then break end
    if first or job.matcher or may_hold(chunk, job.user) then
      local records = reader:read(chunk, line)
      if first then sample(found, job.ruleset, records) end
      first = false
      local record, user = pick(records, job.user, job.matcher)
      if record then
        found.line, found.user = record.line, user ~= "ambiguous" and user or nil
        local states = {}
        for name in pairs(record.bad) do states[name] = "bad" end
        for name in pairs(record.absent) do states[name] = "absent" end
        found.record, found.bad = { values = record.values, states = states }, record.bad
        return found
      end
    end
  end
  local message, code = input:failure()
  if message then context:fail(message, code) end
  context:fail(("%s has no record of '%s'"):format(input.name, job.user), "ENOTFOUND")
end

return M
