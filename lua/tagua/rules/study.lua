--- Looks at the rules of a file without running them: which fields and tags their code names, what it compares
-- with what, which lines it has. Follows values through a function in the order of its instructions, so
-- it sees what is written out and is silent about what is worked out.
-- Runs inside the sandbox as part of the trusted prelude. Lua 5.4 only.
-- @module tagua.rules.study
local functions = require("tagua.rules.functions")
local libraries = require("tagua.rules.libraries")

local M = {}

local getinfo, getupvalue, real_getmetatable = debug.getinfo, debug.getupvalue, debug.getmetatable

-- Instructions by their numbers in Lua 5.4 (lopcodes.h).
local MOVE, LOADI, LOADF, LOADK, GETUPVAL, GETTABUP, GETTABLE, GETFIELD, SELF = 0, 1, 2, 3, 9, 11, 12, 14, 20
local EQ, LE, EQK, EQI, GEI, TESTSET, CALL, CLOSURE, VARARG = 57, 59, 60, 61, 65, 67, 68, 79, 80
local WRITES_NOTHING = {}
for _, opcode in ipairs({
  10, 15, 16, 17, 18, 46, 47, 48, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 69, 70, 71, 72, 78, 81, 82,
}) do
  WRITES_NOTHING[opcode] = true
end

local USER = { user = true }

local function constant(value)
  if type(value) == "string" or math.type(value) then return { constant = value } end
end

local Study = {}
Study.__index = Study

-- What comes of reading a global: a library, or nothing that is known.
function Study:global(name, place)
  if type(name) ~= "string" then return nil end
  if rawget(self.language.globals, name) == nil then
    self:complain(self.language:unknown_global(name), place)
  elseif libraries.libraries[name] and self.language.reserved[name] then
    return { library = name }
  end
  return nil
end

-- Notes a name that there is not: whoever gets there, the rule fails.
function Study:complain(message, place)
  self.found.unknown[#self.found.unknown + 1] = { line = place.line, file = place.file, message = message }
end

-- What comes of reading `key` out of what a register holds.
function Study:member(what, key, place)
  if not what or key == nil then return nil end
  if what.library then
    if rawget(_G[what.library], key) == nil or libraries.libraries[what.library][key] then
      self:complain(self.language:unknown_member(what.library, key), place)
    end
    return nil
  end
  if what.user then
    if type(key) ~= "string" then return nil end
    local field = self.language.fields_by_name[key]
    return field and { field = field }
  elseif what.field and what.field.type == "tagset" then
    self.found.tags[#self.found.tags + 1] = { name = key, line = place.line, file = place.file }
  end
  return nil
end

local CLASSES = { text = "text", integer = "number", number = "number", date = "date", boolean = "boolean" }

-- What kind of value a register holds, as far as that is known.
local function class_of(what)
  if not what then return nil end
  if what.field then return CLASSES[what.field.type] end
  if what.constant ~= nil then return type(what.constant) == "string" and "text" or "number" end
end

-- Seconds since the epoch of 1973: a number below is no moment that somebody wrote for a date.
local FIRST_MOMENT = 100000000

local function agree(left, right) -- of two values whose kinds are known
  local a, b = class_of(left), class_of(right)
  if a == "date" and b == "number" then
    return type(right.constant) ~= "number" or right.constant == 0 or math.abs(right.constant) >= FIRST_MOMENT
  end
  return a == b or a == "number" and b == "date" and agree(right, left)
end

-- Notes a comparison whose sides can never be equal, or not be compared at all.
function Study:compare(left, right, place)
  local a, b = class_of(left), class_of(right)
  if not a or not b or not (left.field or right.field) or agree(left, right) then return end
  if not left.field then left, right = right, left end
  self.found.compares[#self.found.compares + 1] = {
    line = place.line, file = place.file, field = left.field.name, type = left.field.type,
    other = right.field and right.field.name, other_type = right.field and right.field.type or class_of(right),
    constant = right.constant,
  }
end

-- Goes through one function. `outer` holds what its upvalues are.
function Study:follow(f, file, takes_user, outer)
  local registers = {}
  if takes_user and f.params > 0 then registers[0] = USER end
  for i = 0, f.size - 1 do
    local instruction = f.code[i]
    local opcode, a, b, c = instruction & 0x7F, instruction >> 7 & 0xFF, instruction >> 16 & 0xFF, instruction >> 24
    local wide = instruction >> 15
    local place = { line = f.lines[i], file = file }
    local value
    if opcode == MOVE then
      value = registers[b]
    elseif opcode == LOADI or opcode == LOADF then
      value = { constant = wide - 65535 }
    elseif opcode == LOADK then
      value = constant(f.constants[wide])
    elseif opcode == GETUPVAL then
      value = outer[b]
    elseif opcode == GETTABUP then
      if f.upvalues[b].name == "_ENV" then
        value = self:global(f.constants[c], place)
      else
        value = self:member(outer[b], f.constants[c], place)
      end
    elseif opcode == GETFIELD then
      value = self:member(registers[b], f.constants[c], place)
    elseif opcode == GETTABLE then
      local key = registers[c] and registers[c].constant
      if registers[b] and registers[b].user and key == nil then self.found.dynamic = true end
      if not registers[b] and key == nil then self.found.obscure = true end -- it may be the record
      value = self:member(registers[b], key, place)
    elseif opcode == TESTSET then
      value = registers[b]
    elseif opcode >= EQ and opcode <= LE then
      self:compare(registers[a], registers[b], place)
    elseif opcode == EQK then
      self:compare(registers[a], constant(f.constants[b]), place)
    elseif opcode >= EQI and opcode <= GEI then
      self:compare(registers[a], { constant = b - 127 }, place)
      self.found.numbers[b - 127] = true
    elseif opcode == CLOSURE then
      self:enter(f.inner[wide], file, registers, outer)
    end
    if value and value.constant then
      self.found[type(value.constant) == "string" and "texts" or "numbers"][value.constant] = true
    end
    if opcode == CALL or opcode == VARARG or opcode == SELF or (opcode >= 73 and opcode <= 77) then
      for register = a, 255 do
        registers[register] = nil
      end
    elseif not WRITES_NOTHING[opcode] then
      registers[a] = value
    end
  end
  for _, value in pairs(f.constants) do
    if type(value) == "string" then
      self.found.texts[value] = true
    elseif math.type(value) then
      self.found.numbers[value] = true
    end
  end
end

-- A function inside of another one: its upvalues are what the outer one's registers and upvalues are now.
function Study:enter(f, file, registers, outer)
  local around = {}
  for i = 0, #f.upvalues do
    local upvalue = f.upvalues[i]
    if upvalue then
      if upvalue.outer_local then
        around[i] = registers[upvalue.index]
      else
        around[i] = outer[upvalue.index]
      end
    end
  end
  self:follow(f, file, f.params > 0 and self.user_names[f.names[0]], around)
end

-- A function that is there: its upvalues hold something.
function Study:visit(f, is_rule)
  local info = getinfo(f, "S")
  local compiled = self.compiled[f] or functions.read(f)
  self.compiled[f] = compiled
  local outer = {}
  for i = 0, #compiled.upvalues do
    local _, value = getupvalue(f, i + 1)
    outer[i] = constant(value)
  end
  local file = self.language.sources[info.source]
  self:follow(compiled, file, is_rule or compiled.params > 0 and self.user_names[compiled.names[0]], outer)
end

-- The functions in what a variable holds: itself, or what is in a table of the file. Tables of the file are
-- views by now; other ones are the language's own.
function Study:reach_value(value, reached)
  if type(value) == "function" then
    self:reach(value, reached)
    return
  end
  local content = type(value) == "table" and self.language.freezer.contents[value]
  if not content or reached[content] then return end
  reached[content] = true
  for key, held in next, content do
    self:reach_value(key, reached)
    self:reach_value(held, reached)
  end
  for _, held in next, real_getmetatable(value) do -- those of the file, or behind what freezes them
    for i = 1, type(held) == "function" and 255 or 0 do
      local name, inner = getupvalue(held, i)
      if not name then break end
      if type(inner) == "function" then self:reach(inner, reached) end
    end
    if held ~= content then self:reach_value(held, reached) end
  end
end

-- The functions of the file that this one can call: in the variables around it, and in the globals that it names.
function Study:reach(f, reached)
  local info = getinfo(f, "S")
  if self.met then self.met[f] = true end
  if reached[f] or not self.language.sources[info.source] then return reached end
  reached[f] = true
  local compiled = self.compiled[f] or functions.read(f)
  self.compiled[f] = compiled
  for i = 1, 255 do
    local name, value = getupvalue(f, i)
    if not name then break end
    self:reach_value(value, reached)
  end
  local function globals(code)
    for _, value in pairs(code.constants) do
      if type(value) == "string" then self:reach_value(rawget(self.language.globals, value), reached) end
    end
    for _, inner in pairs(code.inner) do
      globals(inner)
    end
  end
  globals(compiled)
  return reached
end

local function sorted(set)
  local list = {}
  for value in pairs(set) do
    list[#list + 1] = value
  end
  table.sort(list, function(x, y)
    return tostring(x) < tostring(y)
  end)
  return list
end

-- Where a rule's function, or a helper, stands, and its lines.
local function describe(self, f, rule)
  local compiled = self.compiled[f]
  return {
    file = self.language.sources[getinfo(f, "S").source], first = compiled.first, last = compiled.last, rule = rule,
    lines = sorted(functions.lines(compiled)),
  }
end

-- Adds the texts that a function, or one inside of it, has written out; tells whether it may read a field by a
-- name that it works out, of what may be the record.
local function named(self, f, texts, outer)
  local found = { compares = {}, tags = {}, unknown = {}, texts = texts, numbers = {}, dynamic = false }
  self.found = found
  self:follow(f, nil, true, outer)
  return found.dynamic or found.obscure
end

--- Which fields each rule may read: those that its functions, and the functions that they can call, name. Where
-- a name is worked out, it may be any.
-- @tparam table language finished
-- @treturn {{string,...},...} for each rule the names of fields, sorted
function M.reads(language)
  local self = setmetatable({ language = language, compiled = {}, user_names = {} }, Study)
  local reads = {}
  for i, rule in ipairs(language.rules) do
    local reached, texts, any = {}, {}, false
    for _, f in ipairs(rule.functions) do
      if type(f) == "function" then self:reach(f, reached) end
    end
    for f in pairs(reached) do
      if type(f) == "function" then
        local compiled, outer = self.compiled[f], {}
        for j = 0, #compiled.upvalues do
          local _, value = getupvalue(f, j + 1)
          outer[j] = constant(value) or { other = true } -- a variable of the file never holds the record
        end
        any = named(self, compiled, texts, outer) or any
      end
    end
    reads[i] = {}
    for _, field in ipairs(language.fields) do
      if any or texts[field.name] then table.insert(reads[i], field.name) end
    end
  end
  return reads
end

--- Studies the rules of a language.
-- @tparam table language finished
-- @treturn table `rules`: for each rule { compares, tags, unknown, functions }, where compares are { file, line,
--   field, type, other, other_type, constant }, tags the names read out of a tagset { file, line, name }, unknown
--   the globals and library functions that there are not { file, line, message }, and functions those that the
--   rule alone can call { file, first, last, lines }; `shared`, the functions of more than one rule; `texts` and
--   `numbers`, the constants in all of them; `dynamic`, whether a field is read by a name that is
--   worked out
function M.answer(language)
  local self = setmetatable({ language = language, compiled = {}, user_names = {} }, Study)
  local texts, numbers, dynamic, users = {}, {}, false, {}
  local reached_by = {}
  for i, rule in ipairs(language.rules) do
    local reached = {}
    reached_by[i] = {}
    for _, f in ipairs(rule.functions) do
      if type(f) == "function" then
        self:reach(f, reached)
        local compiled = self.compiled[f]
        if compiled and compiled.params > 0 then self.user_names[compiled.names[0]] = true end
      end
    end
    for f in pairs(reached) do
      if type(f) == "function" then
        reached_by[i][f] = true
        users[f] = (users[f] or 0) + 1
      end
    end
  end
  local rules, shared, described = {}, {}, {}
  for i, rule in ipairs(language.rules) do
    self.found = { compares = {}, tags = {}, unknown = {}, texts = {}, numbers = {}, dynamic = false }
    local own, mine = {}, {}
    for _, f in ipairs(rule.functions) do
      own[f] = true
    end
    for f in pairs(reached_by[i]) do
      self:visit(f, own[f])
      if users[f] == 1 or own[f] then
        mine[#mine + 1] = describe(self, f, i)
      elseif not described[f] then
        described[f] = true
        shared[#shared + 1] = describe(self, f)
      end
    end
    table.sort(mine, function(x, y)
      return x.first < y.first
    end)
    rules[i] = {
      compares = self.found.compares, tags = self.found.tags, unknown = self.found.unknown, functions = mine,
    }
    dynamic = dynamic or self.found.dynamic
    for text in pairs(self.found.texts) do
      texts[text] = true
    end
    for number in pairs(self.found.numbers) do
      numbers[number] = true
    end
  end
  return { rules = rules, shared = shared, texts = sorted(texts), numbers = sorted(numbers), dynamic = dynamic }
end

-- The words that read the clock, and how often what they give may change on its own.
local CLOCKS = { now = "hour", hours_since = "hour", today = "day", days_since = "day" }

--- How often decisions may change on their own, because a rule can reach a word that reads the clock.
-- @tparam table language finished
-- @treturn table `every`: "hour" or "day"; nil where no rule reads the clock
function M.clock(language)
  local self = setmetatable({ language = language, compiled = {}, user_names = {}, met = {} }, Study)
  for _, rule in ipairs(language.rules) do
    for _, f in ipairs(rule.functions) do
      if type(f) == "function" then self:reach(f, {}) end
    end
  end
  local every
  for word, often in pairs(CLOCKS) do
    if self.met[rawget(language.globals, word)] then every = every == "hour" and every or often end
  end
  return { every = every }
end

return M
