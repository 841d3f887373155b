--- The doctor: finds what is wrong with a rule file without a call to anybody. Some of it is in the code,
-- some shows when the rules are asked about made-up users, and some when they decide real ones.
-- Owns the codes of what it finds, and what to do about each.
-- @module tagua.rules.doctor
local folding = require("tagua.rules.folding")
local nearest = require("tagua.nearest")

local M = {}

local DAY = 86400
local MADE_UP = 600 -- users that are made up for the members of a one_of
local CANDIDATES = 60 -- values of one field among them

--- What there is to find: how grave it is, and what it is called in the documentation.
M.codes = {
  ["two-owners"] = "error", ["unknown-name"] = "error", ["undeclared-field"] = "error", ["syntax"] = "error",
  ["rejected"] = "error", ["mixed-types"] = "error", ["not-in-input"] = "error",
  ["never-wins"] = "warning", ["own-tag"] = "warning", ["unread-field"] = "warning", ["similar-names"] = "warning",
  ["always-true"] = "warning", ["never-true"] = "warning", ["never-decided"] = "warning", ["fails"] = "warning",
}

-- How a rejection's message tells what it is about; the rest is "rejected".
local REJECTIONS = {
  { "has two owners", "two-owners" }, { "can never win", "never-wins" },
  { "is not declared in fields", "undeclared-field" }, { "unknown name '", "unknown-name" },
  { "unknown option '", "unknown-name" }, { "' has no '", "unknown-name" }, { " near ", "syntax" },
  { " expected", "syntax" },
}

--- The finding that a rejected rule file comes to.
-- @tparam string message as `pool:load` gives it
-- @treturn table
function M.rejection(message)
  local code = "rejected"
  for _, row in ipairs(REJECTIONS) do
    if message:find(row[1], 1, true) then
      code = row[2]
      break
    end
  end
  local file, line, text = message:match("^(.-):(%d+): (.*)$")
  return {
    code = code, severity = "error", file = file, line = math.tointeger(tonumber(line)), message = text or message,
  }
end

local Doctor = {}
Doctor.__index = Doctor

-- `place` is anything with a file and a line.
function Doctor:find(code, place, message, remedy)
  self.findings[#self.findings + 1] = {
    code = code, severity = M.codes[code], file = place.file or self.ruleset.name, line = place.line or 1,
    message = message, remedy = remedy,
  }
end

-- Where a field is declared: the line that begins with its name, in the file that declares fields.
function Doctor:field_place(field)
  local number, from = 0, false
  for line in (self.source .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    from = from or line:find("^%s*fields%f[%W]") ~= nil
    local quoted = field.name:gsub("%p", "%%%0")
    if from and (line:find("%f[%w_]" .. quoted .. "%s*=") or line:find('%["' .. quoted .. '"%]%s*=')) then
      return { line = number }
    end
  end
  return { line = self.ruleset.fields_line }
end

-- What the code says ------------------------------------------------------------------------

local function written(value)
  return type(value) == "string" and ('"%s"'):format(value) or tostring(value)
end

-- The other side of a comparison, and how to make the two of a kind.
local function contrast(found)
  local other = found.other and ("the field '%s', which is %s"):format(found.other, found.other_type)
    or ("the %s %s"):format(found.other_type, written(found.constant))
  local remedy
  if found.other then
    remedy = "give both fields the same type in fields { }"
  elseif found.type == "date" and type(found.constant) == "number" then
    remedy = ("write days_since(user.%s) to compare days, or time \"...\" for a moment"):format(found.field)
  elseif found.type == "date" then
    remedy = ("write time %s"):format(written(found.constant))
  elseif found.type == "text" then
    remedy = ('write "%s" in quotes, or declare %s = number'):format(tostring(found.constant), found.field)
  elseif found.type == "boolean" then
    remedy = ("write user.%s or not user.%s: it is true or false already"):format(found.field, found.field)
  else
    remedy = ("write %s without quotes, or declare %s = text"):format(tostring(found.constant), found.field)
  end
  return other, remedy
end

-- Comparisons of unlike types, names that there are not, and rules that read what they own.
function Doctor:look_at_code(study)
  local reported = {}
  for i, rule in ipairs(self.ruleset.rules) do
    for _, found in ipairs(study.rules[i].compares) do
      local key = ("%s:%d:%s:%s"):format(found.file, found.line, found.field, written(found.constant))
      if not reported[key] then
        reported[key] = true
        local other, remedy = contrast(found)
        local article = found.type == "integer" and "an " or found.type == "text" and "" or "a "
        local moment = found.type == "date" and type(found.constant) == "number"
        self:find("mixed-types", found, ("the field '%s' is %s%s, and is compared with %s: %s"):format(found.field,
          article, found.type, other, moment and "a date counts seconds, and that is no moment"
          or "they are never equal, and < and > raise"), remedy)
      end
    end
    for _, found in ipairs(study.rules[i].unknown) do
      local key = ("%s:%d:%s"):format(found.file, found.line, found.message)
      if not reported[key] then
        reported[key] = true
        self:find("unknown-name", found, found.message, "correct the name: the rule fails for each user who gets there")
      end
    end
    local owned = {}
    for tag = rule.first, rule.first + rule.count - 1 do
      owned[self.ruleset.tags[tag].name] = true
    end
    for _, found in ipairs(study.rules[i].tags) do
      local group = self.ruleset.tags[rule.first].group
      local own = owned[found.name]
      for _, tag in ipairs(group and self.ruleset.tags or {}) do
        own = own or tag.group == group and tag.name == found.name
      end
      local key = ("%s:%d:%s"):format(found.file, found.line, found.name)
      if own and not reported[key] then
        reported[key] = true
        self:find("own-tag", found, ("the rule that owns '%s' reads whether the user has it: it decides by what it"
          .. " decided the last time"):format(found.name),
          "decide by fields alone; never_remove = true keeps a tag that was earned once")
      end
      self.read_tags[found.name] = self.read_tags[found.name] or found
    end
  end
end

-- Fields that nothing reads.
function Doctor:look_at_fields(study)
  local named = {}
  for _, text in ipairs(study.texts) do
    named[text] = true
  end
  for _, field in ipairs(self.ruleset.fields) do
    field.read = named[field.name] or study.dynamic
    if not field.read then
      self:find("unread-field", self:field_place(field), ("the field '%s' is declared, and no rule reads it"):format(
        field.name), "remove it from fields { }, or read it")
    end
  end
end

-- Names of one kind that differ only in what people do not see.
function Doctor:look_at_names()
  local kinds = { tag = {}, field = {}, folder = {} }
  for _, tag in ipairs(self.ruleset.tags) do
    table.insert(kinds.tag, { name = tag.name, place = tag })
    if tag.folder then table.insert(kinds.folder, { name = tag.folder, place = tag }) end
  end
  for _, group in ipairs(self.ruleset.groups) do
    table.insert(kinds.tag, { name = group.name, place = group })
  end
  for _, field in ipairs(self.ruleset.fields) do
    table.insert(kinds.field, { name = field.name, place = self:field_place(field) })
  end
  local read = {}
  for name, place in pairs(self.read_tags) do
    read[#read + 1] = { name = name, place = place }
  end
  table.sort(read, function(a, b)
    return a.name < b.name
  end)
  table.move(read, 1, #read, #kinds.tag + 1, kinds.tag)
  for _, kind in ipairs({ "tag", "folder", "field" }) do
    local first, told = {}, {}
    for _, entry in ipairs(kinds[kind]) do
      local folded = folding.fold(entry.name)
      local other = first[folded]
      if not other then
        first[folded] = entry
      elseif other.name ~= entry.name and not told[entry.name] then
        told[entry.name] = true
        self:find("similar-names", entry.place, ("the %s '%s' differs from '%s' (line %d) only in %s"):format(kind,
          entry.name, other.name, other.place.line or 1, folding.difference(entry.name, other.name)),
          "write both the same way, or give one of them another name")
      end
    end
  end
end

-- What made-up users show -------------------------------------------------------------------

-- Values around the constants that the rules have, for each type of field.
local function candidates(study, at)
  local values = {
    text = { "", "other" }, integer = { 0, 1, 1000000 }, number = { 0, 1, 1000000 },
    date = { at, at - DAY, at - 1000 * DAY }, boolean = { true, false }, tagset = { {} },
  }
  local function add(kind, value)
    if #values[kind] < CANDIDATES then table.insert(values[kind], value) end
  end
  for _, text in ipairs(study.texts) do
    add("text", text)
  end
  for _, number in ipairs(study.numbers) do
    for _, near in ipairs({ number - 1, number, number + 1 }) do
      add("number", near)
      local whole = math.tointeger(near)
      if whole then
        add("integer", whole)
        add("date", math.abs(whole) < 100000 and at - whole * DAY or whole)
      end
    end
  end
  local all = {}
  for _, rule in ipairs(study.rules) do
    for _, found in ipairs(rule.tags) do
      add("tagset", { found.name })
      all[#all + 1] = found.name
    end
  end
  add("tagset", all)
  return values
end

-- The same users each time.
local function make_users(fields, values)
  local seed = 20261121
  local function below(n)
    seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
    return (seed >> 8) % n + 1
  end
  local users = {}
  for i = 1, MADE_UP do
    local user = { values = {}, states = {} }
    for _, field in ipairs(fields) do
      local list = values[field.type]
      if below(20) > 1 then user.values[field.name] = list[below(#list)] end
    end
    users[i] = user
  end
  return users
end

-- Who wins where the members want this, one byte each: the first that is true. One that can't decide, or
-- leaves, ends the matter.
local function winner(wants)
  for i = 1, #wants do
    local want = wants:sub(i, i)
    if want == "+" then return i end
    if want ~= "-" then return nil end
  end
end

-- The members of each one_of that take somebody, and never first.
function Doctor:look_at_members(study)
  local users
  for _, group in ipairs(self.ruleset.groups) do
    users = users or make_users(self.ruleset.fields, candidates(study, self.at))
    local columns = {}
    for i, tag in ipairs(group.tags) do
      local answers = self.pool:ask({ rule = self.rule_of[tag], at = self.at, records = users })
      if not answers or #answers < #users then return end
      columns[i] = answers
    end
    local taken, won, lost_to = {}, {}, {}
    for u = 1, #users do
      local wants = {}
      for i = 1, #columns do
        wants[i] = columns[i][u].wants
      end
      local first = winner(table.concat(wants))
      for i = 1, #columns do
        if wants[i] == "+" then
          taken[i] = true
          if first == i then won[i] = true end
          if first and first ~= i then
            lost_to[i] = lost_to[i] or {}
            lost_to[i][first] = (lost_to[i][first] or 0) + 1
          end
        end
      end
    end
    for i, tag in ipairs(group.tags) do
      local rivals, rival = lost_to[i] or {}, nil
      for candidate, count in pairs(rivals) do
        local more = rival and count - rivals[rival]
        if not rival or more > 0 or more == 0 and candidate < rival then rival = candidate end
      end
      if taken[i] and not won[i] and rival then
        local name = self.ruleset.tags[tag].name
        self.never_wins[tag] = true
        local before = self.ruleset.tags[group.tags[rival]].name
        local text = "'%s' can never win in the one_of '%s': whom it takes, '%s' has taken before it"
        self:find("never-wins", self.places[tag], text:format(name, group.name, before),
          ("move it in front of '%s', or make that one narrower"):format(before))
      end
    end
  end
end

-- What real users show ----------------------------------------------------------------------

-- Columns that the input does not have at all -> whether the rules can decide it.
function Doctor:look_at_header(input)
  local header = input:header()
  if not header then return true end
  local there, complete = {}, true
  for _, column in ipairs(header) do
    there[column] = true
  end
  for _, field in ipairs(self.ruleset.fields) do
    if field.type ~= "tagset" and not there[field.source] then
      complete = false
      if field.read then
        local text = "the field '%s' is read, and %s has no column '%s'%s"
        self:find("not-in-input", self:field_place(field),
          text:format(field.name, input.name, field.source, nearest.hint(field.source, header)),
          "name the column with from = \"...\"")
      end
    end
  end
  return complete
end

local BYTES = { ["+"] = "yes", ["-"] = "no", ["."] = "leave", ["?"] = "unknown", ["!"] = "failed" }

-- Decides all of the input -> sums for each tag, with its one_of as the members come out.
function Doctor:decide(input)
  local tags, groups = self.ruleset.tags, self.ruleset.groups
  local sums = { users = 0, present = {}, unknown = {}, failed = {} }
  for i = 1, #tags do
    sums[i] = { yes = 0, no = 0, leave = 0, unknown = 0, failed = 0 }
  end
  local next_block = self.pool:decide(function()
    return input:next()
  end)
  while true do
    local block, message, code = next_block()
    if not block then
      if message then return nil, message, code end
      break
    end
    sums.users = sums.users + block.n
    for r = 1, block.n do
      local wants = block.wants[r]
      for i = 1, #tags do
        local sum, what = sums[i], BYTES[wants:sub(i, i)]
        if not tags[i].group then sum[what] = sum[what] + 1 end
      end
      for _, group in ipairs(groups) do
        local members = wants:sub(group.tags[1], group.tags[#group.tags])
        local first = winner(members)
        for i, tag in ipairs(group.tags) do
          local what = first and (first == i and "yes" or "no") or BYTES[members:match("^%-*([^%-])") or "-"]
          sums[tag][what] = sums[tag][what] + 1
        end
      end
    end
    for name, count in pairs(block.present) do
      sums.present[name] = (sums.present[name] or 0) + count
    end
    for _, entry in ipairs(block.unknown) do
      sums.unknown[entry.tag] = sums.unknown[entry.tag] or entry.field
    end
    for _, failure in ipairs(block.failures) do
      sums.failed[failure.message] = sums.failed[failure.message] or failure
    end
  end
  local message, code = input:failure()
  if message then return nil, message, code end
  return sums
end

-- What the sums say of one tag.
function Doctor:look_at_sums(index, sum, sums, name)
  local tag, place = self.ruleset.tags[index], self.places[index]
  local decided = sum.yes + sum.no + sum.leave
  local whom = ("any of the %d users of %s"):format(decided, name)
  if decided == 0 and sum.unknown > 0 and sum.failed == 0 then
    local field = self.fields_by_name[sums.unknown[index]]
    if field and field.type ~= "tagset" and sums.present[field.name] ~= 0 then
      self:find("never-decided", place, ("'%s' is not decided for any of the %d users of %s: '%s' has no value"):format(
        tag.name, sum.unknown, name, field.name), "look at that column; if_empty = ... or has(user, ...) says what an"
        .. " empty one means")
    end
  elseif decided < 2 or self.never_wins[index] then
    return
  elseif sum.yes == 0 then
    self:find("never-true", place, ("'%s' is not true for %s"):format(tag.name, whom),
      "look whether the condition is what is meant, and the field what it seems")
  elseif sum.yes == decided then
    local text = ("'%s' is true for every one of the %d users of %s"):format(tag.name, decided, name)
    self:find("always-true", place, text,
      "look whether the condition is what is meant: a tag that everybody has tells nothing")
  end
end

-- Decides the input, and looks at what came of it.
function Doctor:look_at_users(given)
  local input = given.input
  if not self:look_at_header(input) then return true end
  local ok, message, code = self.pool:input({
    format = input.format, header = input:header(), delimiter = input.delimiter, id = given.id, at = self.at,
  })
  if not ok then return nil, message, code end
  local sums
  sums, message, code = self:decide(input)
  if not sums then return nil, message, code end
  self.users = sums.users
  for _, field in ipairs(self.ruleset.fields) do
    if field.type ~= "tagset" and field.read and sums.users > 0 and (sums.present[field.name] or 0) == 0 then
      self:find("not-in-input", self:field_place(field), ("the field '%s' is read, and no user of %s has '%s'"):format(
        field.name, input.name, field.source), "name the key with from = \"...\"")
    end
  end
  for i in ipairs(self.ruleset.tags) do
    self:look_at_sums(i, sums[i], sums, input.name)
  end
  for text, failure in pairs(sums.failed) do
    local file, line, rest = text:match("^(.-):(%d+): (.*)$")
    self:find("fails", { file = file, line = math.tointeger(tonumber(line)) },
      ("'%s' fails for the user %s (line %d of %s): %s"):format(failure.rule, failure.id, failure.line, input.name,
        rest or text), "make the rule answer for such a user, too")
  end
  return true
end

-- The whole ---------------------------------------------------------------------------------

local function order(a, b)
  for _, key in ipairs({ "file", "line", "code", "message" }) do
    if a[key] ~= b[key] then return a[key] < b[key] end
  end
  return false
end

--- Examines a rule file.
-- @tparam table pool from `tagua.rules.pool`; what it had loaded is forgotten
-- @tparam table given `path`, or `source` and `name`; `at` (seconds, the moment that is now); `input` (from
--   tagua.input) with `id` (its column), where real users are looked at, too; what they have on the platform is not
--   asked for, so rules that read a tagset are not decided for them
-- @treturn table|nil `findings`, each { code, severity = "error" | "warning", file, line, message, remedy }, in the
--   order of the file; `errors` and `warnings`, how many; `users`, how many were decided
-- @treturn string message, where the input can't be read, or a worker ended
-- @treturn string code
function M.examine(pool, given)
  local self = setmetatable({
    pool = pool, at = math.tointeger(given.at // 1), findings = {}, read_tags = {}, never_wins = {}, rule_of = {},
    places = {}, fields_by_name = {},
  }, Doctor)
  local ruleset, message, code = pool:load({
    path = given.path, source = given.source, name = given.name, apart = true,
  })
  if not ruleset then
    if code ~= "ERULES" then return nil, message, code end
    local finding = M.rejection(message)
    return { findings = { finding }, errors = 1, warnings = 0 }
  end
  self.ruleset, self.source = ruleset, pool.file.source
  for i, rule in ipairs(ruleset.rules) do
    for tag = rule.first, rule.first + rule.count - 1 do
      self.rule_of[tag] = i
    end
  end
  for _, field in ipairs(ruleset.fields) do
    self.fields_by_name[field.name] = field
  end
  local study
  study, message, code = pool:ask({ study = true })
  if not study then return nil, message, code end
  for i, tag in ipairs(ruleset.tags) do
    local own = tag.group and study.rules[self.rule_of[i]].functions[1]
    self.places[i] = own and { file = own.file, line = own.first } or tag
  end
  self:look_at_code(study)
  self:look_at_fields(study)
  self:look_at_names()
  self:look_at_members(study)
  if given.input then
    local ok
    ok, message, code = self:look_at_users(given)
    if not ok then return nil, message, code end
  end
  table.sort(self.findings, order)
  local counts = { error = 0, warning = 0 }
  for _, finding in ipairs(self.findings) do
    counts[finding.severity] = counts[finding.severity] + 1
  end
  return { findings = self.findings, errors = counts.error, warnings = counts.warning, users = self.users }
end

return M
