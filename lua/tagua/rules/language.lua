--- The rule language: the words of a rule file, and what a file that used them comes to.
-- Runs inside the sandbox as part of the trusted prelude, and in the caller's own state; what a
-- rule file can reach of it is only what `env` holds.
-- @module tagua.rules.language
local aggregates = require("tagua.rules.aggregates")
local asking = require("tagua.rules.asking")
local core = require("tagua.core")
local deciding = require("tagua.rules.deciding")
local declarations = require("tagua.rules.declarations")
local fields = require("tagua.rules.fields")
local frozen = require("tagua.rules.frozen")
local libraries = require("tagua.rules.libraries")
local moments = require("tagua.rules.moments")
local nearest = require("tagua.nearest")
local options = require("tagua.options")
local sources = require("tagua.rules.sources")
local tests = require("tagua.rules.tests")

local M = {}

M.DEFAULT_ZONE = "Asia/Taipei"

local getinfo = debug.getinfo
local quote = options.quote

local Language = {}
Language.__index = Language

-- The line that is being run, and its file: the innermost frame that is a rule file's own.
function Language:line()
  for level = 2, 200 do
    local info = getinfo(level, "Sl")
    if not info then return nil end
    local file = self.sources[info.source]
    if file then return info.currentline, file end
  end
end

-- A place as messages begin with it: of a declaration, or of a line in a file, the rule file unless told.
function Language:where(line, file)
  if type(line) == "table" then
    line, file = line.line, line.file
  end
  file = file or self.name
  return line and ("%s:%d"):format(file, line) or file
end

-- Where a declaration is, seen from another one: its file only where that is another.
function Language:place(declaration, from)
  return declaration.file == from.file and "line " .. declaration.line or self:where(declaration)
end

-- Raises at the line that is being run, or at a declaration's, or at a line of the rule file.
function Language:complain(message, line)
  error(("%s: %s"):format(line and self:where(line) or self:where(self:line()), message), 0)
end

--- Whether a message begins with a place in the rule file or in one that it includes.
function Language:placed(message)
  for _, file in pairs(self.sources) do
    if message:sub(1, #file + 1) == file .. ":" then return true end
  end
  return false
end

--- Runs a file in the language's environment. Raises what it raises.
function Language:execute(name, source)
  self.sources["@" .. name] = name
  local chunk, message = load(source, "@" .. name, "t", self.env)
  if not chunk then error(message, 0) end
  chunk()
end

--- Runs the rule file.
-- @tparam string source
-- @tparam[opt] table includes by pattern, a list of { name, source } or { problem }
function Language:run(source, includes)
  self.includes = includes or {}
  self:execute(self.name, source)
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

-- What to say about something that a library does not have.
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
  local words = moments.words(function()
    return self:zone()
  end, self.decider:clock())
  self.clock = function(at)
    self.decider:at(at)
  end
  for name, word in pairs(words) do
    globals[name] = word
  end
  local function complain(message)
    self:complain(message)
  end
  for _, family in ipairs({ fields, aggregates }) do
    for name, word in pairs(family.words(complain)) do
      globals[name] = word
    end
  end
  globals.leave, globals.otherwise = constant("leave"), constant("otherwise")
  self.leave, self.otherwise = globals.leave, globals.otherwise
  globals.has = self.decider:has()
  for _, family in ipairs({ declarations, sources }) do
    for name, word in pairs(family.words(self)) do
      globals[name] = word
    end
  end
  local trusted, reserved = {}, {}
  for name, value in pairs(globals) do
    reserved[name] = true
    if type(value) == "table" then trusted[value] = true end
  end
  self.reserved, self.freezer = reserved, frozen.new(self.sources, trusted)
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
  sources.freeze(self, freezer)
  for name, value in pairs(self.globals) do
    if not self.reserved[name] then rawset(self.globals, name, freezer:visit(value)) end
  end
  return freezer.kept
end

--- A language for one rule file.
-- @tparam string name the file's name, for messages; its chunk is called "@" .. name
-- @tparam[opt] boolean apart makes a rule of its own of each member of a one_of
-- @treturn table call `run` with the file's text, then `finish`
function M.new(name, apart)
  local self = setmetatable({
    name = name, apart = apart, sources = {}, includes = {}, fields = {}, fields_by_name = {}, tags = {},
    rules = {}, groups = {},
    groups_by_name = {}, tests = {}, owners = {}, open = {}, decider = core.decide.new(),
  }, Language)
  self:build()
  return self
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
  declarations.check(self)
  self:zone()
  local reads_tags = false
  for _, field in ipairs(self.fields) do
    reads_tags = reads_tags or field.type == "tagset"
    if field.format then
      local _, message, code = self.opened:parse("", field.format, field.roc)
      if code == "ECONFIG" then self:complain(("field '%s': %s"):format(field.name, message), self.fields_place) end
    end
    if field.type == "date" and type(field.if_empty) == "string" then
      local moment, message = fields.convert(field, field.if_empty, self.opened)
      if not moment then self:complain("option 'if_empty': " .. message, self.fields_place) end
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
  tests.prepare(self)
  self.sealed = true
  local rules = {}
  for i, rule in ipairs(self.rules) do
    rules[i] = {
      name = rule.name, kind = rule.kind, line = rule.line, file = rule.file, first = rule.first, count = rule.count,
    }
  end
  return {
    zone = self.zone_name or M.DEFAULT_ZONE, fields = self.fields, tags = self.tags, rules = rules,
    guards = self.guards, groups = self.groups, folders = folders_of(self.tags), reads_tags = reads_tags,
    tests = #self.tests, fields_line = self.fields_place and self.fields_place.line,
    hooks = sources.describe(self.hooks), replies = self.replies, poll = self.poll,
  }
end

-- Users who were never born: with nothing, with little, with much.
local PROBES = {
  {},
  { text = "", integer = 0, number = 0, boolean = false, date = 1795000000, tagset = {} },
  { text = "x", integer = 1 << 40, number = 1e12, boolean = true, date = 0, tagset = {} },
}

--- Tries the rules on made-up users, to find fields that are read and not declared.
-- @treturn string|nil what was found, with the rule's line
function Language:probe()
  for _, probe in ipairs(PROBES) do
    for i, field in ipairs(self.fields) do
      local value = probe[field.type]
      if value == nil then
        self.decider:empty(i)
      else
        self.decider:set(i, field.type == "tagset" and {} or value)
      end
    end
    self.clock(1795000000)
    local _, _, failed = self.decider:decide()
    self.clock(nil)
    local slow = false
    for _, failure in ipairs(failed) do
      if failure.undeclared then return failure.message end
      slow = slow or failure.message:find(" ran out of ", 1, true)
    end
    if slow then return nil end
  end
end

--- Asks one rule about records that are made up, see tagua.rules.asking; or, with `study`, `reads`, `clock` or
-- `cover`, about the rules themselves, see tagua.rules.study and tagua.rules.coverage.
function Language:ask(request)
  if request.study then return require("tagua.rules.study").answer(self) end
  if request.reads then return require("tagua.rules.study").reads(self) end
  if request.clock then return require("tagua.rules.study").clock(self) end
  if request.cover then return require("tagua.rules.coverage").take(self) end
  if request.values then return deciding.answer(self, request) end
  return asking.answer(self, request)
end

--- Has a hook of the file turn one of several bodies into events, see tagua.rules.sources.
function Language:hear(request, i)
  return sources.hear(self, request, i)
end

--- Runs the file's test blocks.
-- @tparam integer at the moment that a test without `at` takes for now, in seconds
-- @treturn {table,...} { name, ok, message, line }
function Language:test(at)
  return tests.run(self, at)
end

--- Runs one test that the file does not hold.
-- @tparam table given `user`, `at`, `expect`
-- @tparam integer at as in `test`
-- @treturn table|nil
-- @treturn string what is wrong with the test itself
function Language:try(given, at)
  return tests.try(self, given, at)
end

return M
