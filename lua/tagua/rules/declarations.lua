--- The words that declare: timezone, guards, fields, tag, one_of, rule and test. They check what they are given and
-- collect it in the language object, at the rule file's own line.
-- Runs inside the sandbox as part of the trusted prelude, and in the caller's own state.
-- @module tagua.rules.declarations
local fields = require("tagua.rules.fields")
local guards = require("tagua.guards")
local moments = require("tagua.rules.moments")
local options = require("tagua.options")
local tests = require("tagua.rules.tests")

local M = {}

local quote = options.quote

local LONGEST_NAME = 1000

local function moment_option(value)
  if type(value) == "string" or math.type(value) then return nil end
  return 'must be a date, such as "2026-11-01"'
end

local COMMON = {
  folder = { type = "string", min = 1, max = LONGEST_NAME },
  family = { type = "string", min = 1, max = LONGEST_NAME }, -- what there is, the platform knows
  never_remove = { type = "boolean" },
  adopt = { type = "boolean" }, -- tags that were there at the first pull are the rule's to take off
  conflicts = { type = "string", one_of = { "console_wins", "rules_win" } },
  starts = { type = { "string", "number" }, check = moment_option },
  ends = { type = { "string", "number" }, check = moment_option },
  renew = { type = "boolean" },
  lasts = {
    type = "string",
    check = function(value)
      if not moments.duration(value) then
        return "must be a length of time, such as \"30d\" (m, h, d or w), got " .. quote(value)
      end
    end,
  },
}

-- "5%" -> 500: hundredths of one percent, so that 0.25% is whole, too.
local function percentage(value)
  local whole, part = nil, nil
  if type(value) == "string" then
    whole, part = value:match("^(%d%d?%d?)%.?(%d?%d?)%%$")
  end
  local hundredths = whole and math.tointeger(tonumber(whole) * 100 + tonumber((part .. "00"):sub(1, 2)))
  if hundredths and hundredths <= 10000 then return hundredths end
  return nil, "must be a share of the users from \"0%\" to \"100%\", such as \"5%\", got " .. quote(value)
end

-- Of a whole rule: the tags that one rule decides are tried together.
local TRIAL = { shadow = { type = "boolean" }, rollout = { accept = percentage }, holdout = { accept = percentage } }

local BESIDE = {
  accept = function()
    return nil, "belongs to the whole rule, whose tags are decided together: write it beside the list"
  end,
}

-- One table over another: options of a group and those of one of its tags.
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
local PART = with(MEMBER, { shadow = BESIDE, rollout = BESIDE, holdout = BESIDE })
local GROUP = with(COMMON, TRIAL)
local TAG = with(with(MEMBER, TRIAL), { when = { type = "function", required = true } })
local RULE = with(GROUP, {
  owns = { type = { "table", "string" }, required = true },
  decide = { type = "function", required = true },
})

local function check_name(self, word, name)
  if type(name) ~= "string" then self:complain(("%s wants a name in quotes, got %s"):format(word, quote(name))) end
  if name == "" then self:complain(word .. " wants a name that is not empty") end
  if #name > LONGEST_NAME then
    self:complain(("%s wants a name of at most %d bytes, got %d"):format(word, LONGEST_NAME, #name))
  end
  if name:find("%c") or not utf8.len(name) then
    self:complain(("%s wants a name of printable UTF-8, got %s"):format(word, quote(name)))
  end
end

local function loading(self, word)
  if self.sealed then self:complain(word .. " belongs outside of functions: it declares something once, at load") end
end

-- word "name" { ... }: remembers the declaration until its braces came.
local function declare(self, word, finish)
  return function(name)
    loading(self, word)
    check_name(self, word, name)
    local line, file = self:line()
    local declaration = { word = word, name = name, line = line, file = file }
    self.open[#self.open + 1] = declaration
    return function(body)
      loading(self, word)
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

local function verify(self, declaration, given, allowed)
  local what = ("%s '%s'"):format(declaration.word, declaration.name)
  local checked, message = options.verify(what, given, allowed)
  if not checked then self:complain(message, declaration) end
  for _, name in ipairs({ "starts", "ends" }) do
    local value = checked[name]
    if type(value) == "string" then
      local moment, reason = self:zone():parse(value)
      if not moment then self:complain(("%s: option '%s': %s"):format(what, name, reason), declaration) end
      checked[name] = moment
    end
  end
  if checked.starts and checked.ends and checked.starts >= checked.ends then
    self:complain(what .. ": it ends before it starts", declaration)
  end
  checked.lasts = checked.lasts and moments.duration(checked.lasts)
  if checked.renew and not checked.lasts then
    self:complain(what .. ": renew begins its time anew, and it has none: add lasts = \"30d\"", declaration)
  end
  return checked
end

-- A tag gets its owner.
local function claim_tag(self, declaration, name, checked, group)
  local what = ("%s '%s'"):format(declaration.word, declaration.name)
  local owner = self.owners[name]
  if owner then
    self:complain(("the tag '%s' has two owners: %s '%s' in %s and this %s"):format(name, owner.word,
      owner.name, self:place(owner, declaration), what), declaration)
  end
  self.owners[name] = declaration
  self.tags[#self.tags + 1] = {
    name = name, folder = checked.folder, family = checked.family, id = checked.id,
    never_remove = checked.never_remove or false, adopt = checked.adopt or false, conflicts = checked.conflicts,
    starts = checked.starts, ends = checked.ends, lasts = checked.lasts, renew = checked.renew or nil,
    rule = declaration.name, line = declaration.line, file = declaration.file, group = group,
    shadow = checked.shadow, rollout = checked.rollout, holdout = checked.holdout,
    cohort = (checked.rollout or checked.holdout) and declaration.name or nil,
  }
end

local function add_rule(self, declaration, kind, first, functions)
  self.rules[#self.rules + 1] = {
    name = declaration.name, kind = kind, line = declaration.line, file = declaration.file,
    where = self:where(declaration), first = first, count = #self.tags - first + 1, functions = functions,
  }
end

local function always()
  return true
end

-- A one_of whose members are asked one by one, whoever wins: each is a rule of its own.
local function add_members(self, declaration, first, functions)
  for i, decide in ipairs(functions) do
    self.rules[#self.rules + 1] = {
      name = self.tags[first + i - 1].name, kind = "tag", line = declaration.line, file = declaration.file,
      where = self:where(declaration), first = first + i - 1, count = 1,
      functions = { decide == true and always or decide },
    }
  end
end

local function finish_tag(self, declaration, body)
  local checked = verify(self, declaration, body, TAG)
  claim_tag(self, declaration, declaration.name, checked)
  add_rule(self, declaration, "tag", #self.tags, { checked.when })
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

local function claim_group(self, declaration)
  local name = declaration.name
  if self.groups_by_name[name] then
    self:complain(("the name '%s' is taken by the one_of in %s"):format(name,
      self:place(self.groups_by_name[name], declaration)),
      declaration)
  end
end

local function finish_one_of(self, declaration, body)
  local what = ("one_of '%s'"):format(declaration.name)
  claim_group(self, declaration)
  local members, rest = split(body)
  local shared = verify(self, declaration, rest, GROUP)
  if #members == 0 then
    self:complain(what .. ' has no members: write { "Gold", function(user) ... end }', declaration)
  end
  local first, functions, indices = #self.tags + 1, {}, {}
  for i, member in ipairs(members) do
    if type(member) ~= "table" then
      self:complain(('%s: member %d must be { "Name", function }, got %s'):format(what, i, quote(member)),
        declaration)
    end
    local parts, own = split(member)
    local name, decide = parts[1], parts[2]
    if type(name) ~= "string" or #parts > 2 then
      self:complain(('%s: member %d must be { "Name", function }'):format(what, i), declaration)
    end
    check_name(self, what, name)
    if type(decide) ~= "function" and decide ~= self.otherwise then
      self:complain(("%s: member '%s' wants a function or otherwise, got %s"):format(what, name, quote(decide)),
        declaration)
    end
    if decide == self.otherwise and i < #members then
      self:complain(("%s: '%s' takes everybody (otherwise), so the members behind it can never win"):format(what,
        name), declaration)
    end
    claim_tag(self, declaration, name, with(shared, verify(self, declaration, own, PART)), declaration.name)
    functions[i] = decide == self.otherwise or decide
    indices[i] = #self.tags
  end
  local group = { name = declaration.name, tags = indices, line = declaration.line, file = declaration.file }
  self.groups[#self.groups + 1] = group
  self.groups_by_name[group.name] = group
  if self.apart then return add_members(self, declaration, first, functions) end
  add_rule(self, declaration, "one_of", first, functions)
end

local function finish_rule(self, declaration, body)
  local what = ("rule '%s'"):format(declaration.name)
  local checked = verify(self, declaration, body, RULE)
  local owns = type(checked.owns) == "string" and { checked.owns } or checked.owns
  local names, rest = split(owns)
  if next(rest) ~= nil or #names == 0 then
    self:complain(what .. ': owns must be a list of names: { "North", "South" }', declaration)
  end
  local first = #self.tags + 1
  for _, entry in ipairs(names) do
    local parts, own = split(type(entry) == "table" and entry or { entry })
    if #parts ~= 1 then
      self:complain(what .. ': owns must be a list of names: { "North", "South" }', declaration)
    end
    check_name(self, what, parts[1])
    claim_tag(self, declaration, parts[1], with(checked, verify(self, declaration, own, PART)))
  end
  add_rule(self, declaration, "rule", first, { checked.decide })
end

local function finish_test(self, declaration, body)
  local test = verify(self, declaration, body, tests.OPTIONS)
  test.name, test.line, test.file = declaration.name, declaration.line, declaration.file
  self.tests[#self.tests + 1] = test
end

local function declare_fields(self, given)
  loading(self, "fields")
  if type(given) ~= "table" then
    self:complain("fields wants its fields in braces: fields { orders = integer, ... }")
  end
  local line, file = self:line()
  if self.fields_place then
    self:complain(("fields { } is written twice: it is in %s already"):format(
      self:place(self.fields_place, { file = file })))
  end
  self.fields_place = { line = line, file = file }
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
  loading(self, "timezone")
  if type(name) ~= "string" then
    self:complain('timezone wants a name: timezone "Asia/Taipei", got ' .. quote(name))
  end
  if self.zone_name then self:complain("timezone is written twice") end
  if self.opened then self:complain("timezone must come before the first date: move it to the top of the file") end
  self.zone_name = name
  self:zone()
end

local function declare_guards(self, given)
  loading(self, "guards")
  if type(given) ~= "table" then
    self:complain("guards wants its bounds in braces: guards { max_operations = 5000 }")
  end
  if self.guards then self:complain("guards { } is written twice") end
  local checked, message = options.verify("guards", given, guards.options)
  if not checked then self:complain(message) end
  self.guards = checked
end

-- include "segments/*.lua": runs the files that were found for the pattern, in the order of their names.
local function include(self, pattern)
  loading(self, "include")
  if type(pattern) ~= "string" then
    self:complain('include wants a name in quotes: include "segments/*.lua", got ' .. quote(pattern))
  end
  local _, file = self:line()
  if file ~= self.name then
    self:complain("include belongs into the rule file itself, not into one that it includes")
  end
  local found = self.includes[pattern]
  if not found then
    self:complain(("include wants its pattern written out, as in include %q"):format(pattern))
  elseif found.problem then
    self:complain(("include %s: %s"):format(quote(pattern), found.problem))
  end
  for _, part in ipairs(found) do
    if self.sources["@" .. part.name] then
      self:complain(("include %s: '%s' is included already"):format(quote(pattern), part.name))
    end
    self:execute(part.name, part.source)
  end
end

--- Refuses a word in a function: it declares something once, at load.
-- @tparam table language
-- @tparam string word
M.loading = loading

--- A word that takes a name and braces: `word "name" { ... }`.
-- @tparam table language
-- @tparam string word
-- @tparam function finish called with the language, `{ word, name, line, file }` and what stands in the braces
-- @treturn function
M.declare = declare

--- The words, for one language.
-- @tparam table language
-- @treturn {[string]=function}
function M.words(language)
  return {
    timezone = function(name)
      choose_zone(language, name)
    end,
    fields = function(given)
      declare_fields(language, given)
    end,
    guards = function(given)
      declare_guards(language, given)
    end,
    tag = declare(language, "tag", finish_tag),
    one_of = declare(language, "one_of", finish_one_of),
    rule = declare(language, "rule", finish_rule),
    test = declare(language, "test", finish_test),
    include = function(pattern)
      include(language, pattern)
    end,
  }
end

-- A name can't be a tag's and a group's.
local function check_groups(self)
  for _, group in ipairs(self.groups) do
    local owner = self.owners[group.name]
    if owner then
      self:complain(("the name '%s' is a one_of and a tag (%s): give one of them another name"):format(
        group.name, self:place(owner, group)), group)
    end
  end
end

--- Checks what can be known only when the whole file has been run. Raises at a declaration's line.
-- @tparam table language
function M.check(language)
  for _, declaration in ipairs(language.open) do
    if not declaration.done then
      language:complain(("%s '%s' lacks its braces: %s \"%s\" { ... }"):format(declaration.word, declaration.name,
        declaration.word, declaration.name), declaration)
    end
  end
  if #language.rules == 0 then
    language:complain("there is no rule: write tag \"Name\" { when = function(user) return ... end }", 1)
  end
  check_groups(language)
end

return M
