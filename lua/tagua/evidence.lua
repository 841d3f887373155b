--- What rules went by for the users that a plan changes: the fields of their records that each rule reads,
-- as JSON. Holds the chunks that are being decided until their decisions come, and reads those records
-- again that lead to operations.
local core = require("tagua.core")
local json = require("tagua.json")
local store = require("tagua.ledger.store")

local M = {}
M.__index = M

local LONGEST_TEXT, LONGEST_RECORD = 200, 8192

--- @tparam table options
-- @param options.ruleset as `pool:load` describes it
-- @param options.input see `tagua.input`
-- @tparam string options.id_column
-- @treturn table|nil
-- @treturn string message
-- @treturn string code
function M.new(options)
  local ruleset, input = options.ruleset, options.input
  local zone, message, code = core.zone.open(ruleset.zone or "UTC")
  if not zone then
    return nil, message, code
  end
  local self = setmetatable({ chunks = {}, first = 1, last = 0, zone = zone, dates = {}, defaults = {} }, M)
  local fields = {}
  for _, field in ipairs(ruleset.fields) do
    if field.type == "tagset" then
      self.tagset = field.name
    else
      fields[#fields + 1] =
        { name = field.name, source = field.source, type = field.type, format = field.format, roc = field.roc }
      self.dates[field.name] = field.type == "date" or nil
      self.defaults[field.name] = field.if_empty
    end
  end
  self.reader, message, code = core.record.reader({
    format = input.format,
    header = input:header(),
    delimiter = input.delimiter,
    id = options.id_column,
    fields = fields,
    zone = zone,
  })
  if not self.reader then
    return nil, message, code
  end
  return self
end

--- Remembers a chunk that is about to be decided.
function M:keep(chunk, first_line, tagsets)
  self.last = self.last + 1
  self.chunks[self.last] = { chunk, first_line, tagsets }
end

-- One record's fields, as values of JSON. A value that does not fit its type is shown as it stands.
function M:values(record, tagsets)
  local fields = {}
  for name, value in pairs(record.values) do
    fields[name] = value
  end
  for name in pairs(record.empty) do
    fields[name] = self.defaults[name]
  end
  for name in pairs(self.dates) do
    fields[name] = math.type(fields[name]) == "integer" and self.zone:format(fields[name]) or nil
  end
  for name, raw in pairs(record.bad) do
    fields[name] = raw
  end
  for name, value in pairs(fields) do
    fields[name] = type(value) == "string" and store.cap(value, LONGEST_TEXT) or value
  end
  local tags = self.tagset and tagsets and tagsets[record.id]
  if tags then
    fields[self.tagset] = json.array(table.move(tags, 1, #tags, 1, {}))
  end
  return fields
end

-- Those of the fields that a rule reads, as JSON.
local function written(values, names)
  local own = values
  if names then
    own = {}
    for _, name in ipairs(names) do
      own[name] = values[name]
    end
  end
  local text = json.encode(own)
  return text and #text <= LONGEST_RECORD and text or "{}"
end

--- The decisions of the oldest chunk are there: gives what rules went by on some of its lines.
-- @tparam {[integer]={rule,...}} lines by line the rules that it leads to operations of: each has `reads`, the names
--   of its fields; all, where it has none
-- @tparam function take called with each line, each of its rules, and the fields as JSON
function M:release(lines, take)
  local chunk = self.chunks[self.first]
  if not chunk then
    return
  end
  self.chunks[self.first] = nil
  self.first = self.first + 1
  if next(lines) == nil then
    return
  end
  for _, record in ipairs(self.reader:read(chunk[1], chunk[2])) do
    local rules = record.id and lines[record.line]
    if rules then
      local values = self:values(record, chunk[3])
      for _, rule in ipairs(rules) do
        take(record.line, rule, written(values, rule.reads))
      end
    end
  end
end

return M
