--- The rule language: the words of a rule file, and what a file that used them comes to.
-- Runs inside the sandbox as part of the trusted prelude, and in the caller's own state; what a
-- rule file can reach of it is only what `env` holds.
-- @module tagua.rules.language
local core = require("tagua.core")
local fields = require("tagua.rules.fields")
local frozen = require("tagua.rules.frozen")
local libraries = require("tagua.rules.libraries")
local moments = require("tagua.rules.moments")
local nearest = require("tagua.nearest")
local options = require("tagua.options")

local M = {}

M.DEFAULT_ZONE = "Asia/Taipei"

local getinfo = debug.getinfo
local quote = options.quote

local LONGEST_NAME = 1000

local function moment_option(value)
  if type(value) == "string" or math.type(value) then return nil end
  return 'must be a date, such as "2026-11-01"'
end

local COMMON = {
  folder = { type = "string", min = 1, max = LONGEST_NAME },
  never_remove = { type = "boolean" },
  starts = { type = { "string", "number" }, check = moment_option },
  ends = { type = { "string", "number" }, check = moment_option },
  lasts = {
    type = "string",
    check = function(value)
      if not moments.duration(value) then
        return "must be a length of time, such as \"30d\" (m, h, d or w), got " .. quote(value)
      end
    end,
  },
}

local function with(declaration, more)
  local merged = {}
  for name, rule in pairs(declaration) do
    merged[name] = rule
  end
  for name, rule in pairs(more) do
    merged[name] = rule
  end
  return merged
end

local MEMBER = with(COMMON, { id = { type = "string", min = 1, max = LONGEST_NAME } })
local TAG = with(MEMBER, { when = { type = "function", required = true } })
local RULE = with(COMMON, {
  owns = { type = { "table", "string" }, required = true },
  decide = { type = "function", required = true },
})
local TEST = {
  user = { type = "table", required = true },
  at = { type = { "string", "number" } },
  expect = { type = "table", required = true },
}

local Language = {}
Language.__index = Language

-- The line of the rule file that is being run: the innermost frame that is the file's own.
function Language:line()
  for level = 2, 200 do
    local info = getinfo(level, "Sl")
    if not info then return nil end
    if info.source == self.source then return info.currentline end
  end
end

function Language:where(line)
  return line and ("%s:%d"):format(self.name, line) or self.name
end

-- Raises at the rule file's own line.
function Language:complain(message, line)
  error(("%s: %s"):format(self:where(line or self:line()), message), 0)
end

-- The zone, from the first use on; before that `timezone` may still choose it.
function Language:zone()
  if not self.opened then
    local zone, message = core.zone.open(self.zone_name or M.DEFAULT_ZONE)
    if not zone then self:complain(message) end
    self.opened = zone
  end
  return self.opened
end

function Language:check_name(word, name)
  if type(name) ~= "string" then self:complain(("%s wants a name in quotes, got %s"):format(word, quote(name))) end
  if name == "" then self:complain(word .. " wants a name that is not empty") end
  if #name > LONGEST_NAME then
    self:complain(("%s wants a name of at most %d bytes, got %d"):format(word, LONGEST_NAME, #name))
  end
  if name:find("%c") or not utf8.len(name) then
    self:complain(("%s wants a name of printable UTF-8, got %s"):format(word, quote(name)))
  end
end

function Language:loading(word)
  if self.sealed then self:complain(word .. " belongs outside of functions: it declares something once, at load") end
end

-- word "name" { ... }: remembers the declaration until its braces came.
function Language:declare(word, finish)
  return function(name)
    self:loading(word)
    self:check_name(word, name)
    local declaration = { word = word, name = name, line = self:line() }
    self.open[#self.open + 1] = declaration
    return function(body)
      self:loading(word)
      if type(body) ~= "table" then
        self:complain(("%s %s wants braces behind its name, got %s"):format(word, quote(name), quote(body)))
      end
      if declaration.done then
        self:complain(("%s %s has braces twice"):format(word, quote(name)))
      end
      declaration.done = true
      finish(self, declaration, body)
    end
  end
end

function Language:verify(declaration, given, allowed)
  local what = ("%s '%s'"):format(declaration.word, declaration.name)
  local checked, message = options.verify(what, given, allowed)
  if not checked then self:complain(message, declaration.line) end
  for _, name in ipairs({ "starts", "ends" }) do
    local value = checked[name]
    if type(value) == "string" then
      local moment, reason = self:zone():parse(value)
      if not moment then self:complain(("%s: option '%s': %s"):format(what, name, reason), declaration.line) end
      checked[name] = moment
    end
  end
  if checked.starts and checked.ends and checked.starts >= checked.ends then
    self:complain(what .. ": it ends before it starts", declaration.line)
  end
  checked.lasts = checked.lasts and moments.duration(checked.lasts)
  return checked
end

-- A tag gets its owner.
function Language:own(declaration, name, checked, group)
  local what = ("%s '%s'"):format(declaration.word, declaration.name)
  local owner = self.owners[name]
  if owner then
    self:complain(("the tag '%s' has two owners: %s '%s' in line %d and this %s"):format(name, owner.word,
      owner.name, owner.line, what), declaration.line)
  end
  self.owners[name] = declaration
  self.tags[#self.tags + 1] = {
    name = name, folder = checked.folder, id = checked.id, never_remove = checked.never_remove or false,
    starts = checked.starts, ends = checked.ends, lasts = checked.lasts,
    rule = declaration.name, line = declaration.line, group = group,
  }
end

function Language:add_rule(declaration, kind, first, functions)
  self.rules[#self.rules + 1] = {
    name = declaration.name, kind = kind, line = declaration.line, where = self:where(declaration.line),
    first = first, count = #self.tags - first + 1, functions = functions,
  }
end

local function finish_tag(self, declaration, body)
  local checked = self:verify(declaration, body, TAG)
  self:own(declaration, declaration.name, checked)
  self:add_rule(declaration, "tag", #self.tags, { checked.when })
end

-- The part of a table that counts from 1, and the rest.
local function split(body)
  local list, rest = {}, {}
  for i, value in ipairs(body) do
    list[i] = value
  end
  for key, value in pairs(body) do
    if not (math.type(key) == "integer" and list[key] ~= nil) then rest[key] = value end
  end
  return list, rest
end

-- The options of one tag: those of its group, and its own.
local function merge(shared, own)
  local merged = {}
  for name, value in pairs(shared) do
    merged[name] = value
  end
  for name, value in pairs(own) do
    merged[name] = value
  end
  return merged
end

function Language:claim_group(declaration)
  local name = declaration.name
  if self.groups_by_name[name] then
    self:complain(("the name '%s' is taken by the one_of in line %d"):format(name, self.groups_by_name[name].line),
      declaration.line)
  end
end

local function finish_one_of(self, declaration, body)
  local what = ("one_of '%s'"):format(declaration.name)
  self:claim_group(declaration)
  local members, rest = split(body)
  local shared = self:verify(declaration, rest, COMMON)
  if #members == 0 then
    self:complain(what .. ' has no members: write { "Gold", function(user) ... end }', declaration.line)
  end
  local first, functions, indices = #self.tags + 1, {}, {}
  for i, member in ipairs(members) do
    if type(member) ~= "table" then
      self:complain(('%s: member %d must be { "Name", function }, got %s'):format(what, i, quote(member)),
        declaration.line)
    end
    local parts, own = split(member)
    local name, decide = parts[1], parts[2]
    if type(name) ~= "string" or #parts > 2 then
      self:complain(('%s: member %d must be { "Name", function }'):format(what, i), declaration.line)
    end
    self:check_name(what, name)
    if type(decide) ~= "function" and decide ~= self.otherwise then
      self:complain(("%s: member '%s' wants a function or otherwise, got %s"):format(what, name, quote(decide)),
        declaration.line)
    end
    if decide == self.otherwise and i < #members then
      self:complain(("%s: '%s' takes everybody (otherwise), so the members behind it can never win"):format(what,
        name), declaration.line)
    end
    self:own(declaration, name, merge(shared, self:verify(declaration, own, MEMBER)), declaration.name)
    functions[i] = decide == self.otherwise or decide
    indices[i] = #self.tags
  end
  local group = { name = declaration.name, tags = indices, line = declaration.line }
  self.groups[#self.groups + 1] = group
  self.groups_by_name[group.name] = group
  self:add_rule(declaration, "one_of", first, functions)
end

local function finish_rule(self, declaration, body)
  local what = ("rule '%s'"):format(declaration.name)
  local checked = self:verify(declaration, body, RULE)
  local owns = type(checked.owns) == "string" and { checked.owns } or checked.owns
  local names, rest = split(owns)
  if next(rest) ~= nil or #names == 0 then
    self:complain(what .. ': owns must be a list of names: { "North", "South" }', declaration.line)
  end
  local first = #self.tags + 1
  for _, entry in ipairs(names) do
    local parts, own = split(type(entry) == "table" and entry or { entry })
    if #parts ~= 1 then
      self:complain(what .. ': owns must be a list of names: { "North", "South" }', declaration.line)
    end
    self:check_name(what, parts[1])
    self:own(declaration, parts[1], merge(checked, self:verify(declaration, own, MEMBER)))
  end
  self:add_rule(declaration, "rule", first, { checked.decide })
end

local function finish_test(self, declaration, body)
  local test = self:verify(declaration, body, TEST)
  test.name, test.line = declaration.name, declaration.line
  self.tests[#self.tests + 1] = test
end

local function declare_fields(self, given)
  self:loading("fields")
  if type(given) ~= "table" then
    self:complain("fields wants its fields in braces: fields { orders = integer, ... }")
  end
  if self.fields_line then
    self:complain(("fields { } is written twice: it is in line %d already"):format(self.fields_line))
  end
  self.fields_line = self:line()
  local names = {}
  for name in pairs(given) do
    names[#names + 1] = name
  end
  table.sort(names, function(a, b)
    return tostring(a) < tostring(b)
  end)
  local tagset
  for _, name in ipairs(names) do
    local field, message = fields.field(name, given[name])
    if not field then self:complain(message) end
    if field.type == "tagset" then
      if tagset then self:complain(("'%s' and '%s' are both tagset: one is enough"):format(tagset, name)) end
      tagset = name
    end
    self.fields[#self.fields + 1] = field
    self.fields_by_name[name] = field
  end
end

local function choose_zone(self, name)
  self:loading("timezone")
  if type(name) ~= "string" then
    self:complain('timezone wants a name: timezone "Asia/Taipei", got ' .. quote(name))
  end
  if self.zone_name then self:complain("timezone is written twice") end
  if self.opened then self:complain("timezone must come before the first date: move it to the top of the file") end
  self.zone_name = name
  self:zone()
end

-- A value that rule files can pass on and compare, and nothing else.
local function constant(name)
  return setmetatable({}, {
    __tostring = function()
      return name
    end,
    __newindex = function()
      error(("'%s' cannot be written to"):format(name), 2)
    end,
    __name = name,
    __metatable = false,
  })
end

-- What to say about a global that is not there.
function Language:unknown_global(name)
  if type(name) ~= "string" then return ("there is no global %s"):format(quote(name)) end
  local why = libraries.absent[name]
  if why then return ("'%s' is not available in a rule file: %s"):format(name, why) end
  local names = {}
  for known in pairs(self.globals) do
    names[#names + 1] = known
  end
  table.sort(names)
  return ("unknown name '%s'%s"):format(name, nearest.hint(name, names))
end

function Language:unknown_member(library, name)
  local content = {}
  for key in pairs(_G[library]) do
    content[key] = true
  end
  if type(name) == "string" and libraries.libraries[library][name] then
    return ("'%s.%s' is not available in a rule file: %s"):format(library, name,
      "a rule reads the user and the run's clock, and nothing else")
  end
  return ("'%s' has no '%s'%s"):format(library, tostring(name), nearest.hint(tostring(name), content))
end

-- The globals of the rule file: an empty table in front, so that every write is seen.
function Language:build()
  local globals, strings = libraries.new(function(library, name)
    error(self:unknown_member(library, name), 3)
  end)
  self.globals, self.strings = globals, strings
  local words, set_clock = moments.words(function()
    return self:zone()
  end)
  self.clock = set_clock
  for name, word in pairs(words) do
    globals[name] = word
  end
  for name, word in pairs(fields.words(function(message)
    self:complain(message)
  end)) do
    globals[name] = word
  end
  globals.leave, globals.otherwise = constant("leave"), constant("otherwise")
  self.leave, self.otherwise = globals.leave, globals.otherwise
  globals.has = self.decider:has()
  globals.timezone = function(name)
    choose_zone(self, name)
  end
  globals.fields = function(given)
    declare_fields(self, given)
  end
  globals.tag = self:declare("tag", finish_tag)
  globals.one_of = self:declare("one_of", finish_one_of)
  globals.rule = self:declare("rule", finish_rule)
  globals.test = self:declare("test", finish_test)
  local trusted, reserved = {}, {}
  for name, value in pairs(globals) do
    reserved[name] = true
    if type(value) == "table" then trusted[value] = true end
  end
  self.reserved, self.freezer = reserved, frozen.new(self.source, trusted)
  globals.next = function(value, key)
    if type(value) ~= "table" then error("next wants a table, got a " .. type(value), 2) end
    return next(self.freezer.contents[value] or value, key)
  end
  setmetatable(globals, {
    __index = function(_, name)
      error(self:unknown_global(name), 2)
    end,
  })
  self.env = setmetatable({}, {
    __index = globals,
    __newindex = function(_, name, value)
      if reserved[name] then
        error(("'%s' is a word of the rule language and cannot be written to"):format(tostring(name)), 2)
      end
      if self.sealed then
        error(("the global '%s' is written inside a rule: a rule keeps nothing from one user to the next "
          .. "(a forgotten local?)"):format(tostring(name)), 2)
      end
      rawset(globals, name, value)
    end,
    __name = "globals",
    __metatable = false,
  })
  rawset(globals, "_G", self.env)
  reserved._G, trusted[self.env] = true, true
end

-- Makes everything that the rules can reach of the file read-only.
function Language:freeze()
  local freezer = self.freezer
  for _, rule in ipairs(self.rules) do
    for _, decide in ipairs(rule.functions) do
      freezer:visit(decide)
    end
  end
  for name, value in pairs(self.globals) do
    if not self.reserved[name] then rawset(self.globals, name, freezer:visit(value)) end
  end
  return freezer.kept
end

--- A language for one rule file.
-- @tparam string name the file's name, for messages; its chunk is called "@" .. name
-- @treturn table `env` is the rule file's environment; run the file in it, then call `finish`
function M.new(name)
  local self = setmetatable({
    name = name, source = "@" .. name, fields = {}, fields_by_name = {}, tags = {}, rules = {}, groups = {},
    groups_by_name = {}, tests = {}, owners = {}, open = {}, decider = core.decide.new(),
  }, Language)
  self:build()
  return self
end

-- A name can't be a tag's and a group's.
function Language:check_groups()
  for _, group in ipairs(self.groups) do
    local owner = self.owners[group.name]
    if owner then
      self:complain(("the name '%s' is a one_of and a tag (line %d): give one of them another name"):format(
        group.name, owner.line), group.line)
    end
  end
end

local function folders_of(tags)
  local folders, seen = {}, {}
  for _, tag in ipairs(tags) do
    if tag.folder and not seen[tag.folder] then
      seen[tag.folder] = true
      folders[#folders + 1] = tag.folder
    end
  end
  return folders
end

--- What the rule file came to, once it has been run. From here on its globals are read-only.
-- Raises with the file's line where a declaration is wrong.
-- @treturn table the ruleset's description, which holds no functions
function Language:finish()
  for _, declaration in ipairs(self.open) do
    if not declaration.done then
      self:complain(("%s '%s' lacks its braces: %s \"%s\" { ... }"):format(declaration.word, declaration.name,
        declaration.word, declaration.name), declaration.line)
    end
  end
  if #self.rules == 0 then
    self:complain("there is no rule: write tag \"Name\" { when = function(user) return ... end }", 1)
  end
  self:check_groups()
  self:zone()
  local reads_tags = false
  for _, field in ipairs(self.fields) do
    reads_tags = reads_tags or field.type == "tagset"
    if field.format then
      local _, message, code = self.opened:parse("", field.format, field.roc)
      if code == "ECONFIG" then self:complain(("field '%s': %s"):format(field.name, message), self.fields_line) end
    end
    if field.type == "date" and type(field.if_empty) == "string" then
      local moment, message = fields.convert(field, field.if_empty, self.opened)
      if not moment then self:complain("option 'if_empty': " .. message, self.fields_line) end
      field.if_empty = moment
    end
  end
  self.decider:define({
    kept = self:freeze(),
    fields = self.fields,
    tags = self.tags,
    rules = self.rules,
    leave = self.leave,
    hint = function(name)
      return nearest.hint(name, self.fields_by_name)
    end,
  })
  require("tagua.rules.tests").prepare(self)
  self.sealed = true
  local rules = {}
  for i, rule in ipairs(self.rules) do
    rules[i] = { name = rule.name, kind = rule.kind, line = rule.line, first = rule.first, count = rule.count }
  end
  return {
    zone = self.zone_name or M.DEFAULT_ZONE, fields = self.fields, tags = self.tags, rules = rules,
    groups = self.groups, folders = folders_of(self.tags), reads_tags = reads_tags, tests = #self.tests,
  }
end

--- Runs the file's test blocks.
-- @tparam integer at the moment that a test without `at` takes for now, in seconds
-- @treturn {table,...} { name, ok, message, line }
function Language:test(at)
  return require("tagua.rules.tests").run(self, at)
end

return M
